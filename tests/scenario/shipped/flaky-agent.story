after 1
<< Hello, this is the bot. Say anything, and I'll get you Sam. It is not Sam's best day.
>> my printer is broken
after 1
<< One moment, please.
after 5
<< Hello, Sam here. Can you say that again?
<< Hello, Sam here. Can you say that again?
>> it is broken
after 4
<< Your message got lost on its way. Could you send it again?
>> the printer
after 4
<< Got it, thank you. I'm looking into it.
<< Got it, thank you. I'm looking into it.
>> are you there?
after 7
<< Sam is gone. I'm trying to find out where to.
after 10
<< Sorry, my connection broke. Where were we?
>> where are you?
is cut off
after 2
comes back
after 4
<< Now you were gone. Are you back?
>> at the printer
after 5
<< Then press the green button.
<< First of all, open the lid.
>> done
after 50
after 11
<< About "my printer is broken", it works again. Anything else?
>> yes, a second thing
after 5
<< I have to go. Goodbye!
