after 1
<< Hello, this is the cafe's bot. Ask me about opening hours, prices or your order.
>>  HELLO 
after 1
<< Hello! What would you like to know?
>> When are you open?
after 1
<< We are open from 8 to 19, on Saturday from 9 to 17. On Sunday we are closed.
>> Are you open on Sunday?
after 1
<< On Sunday: closed.
>> and on friday
after 1
<< On Friday: 8 to 19.
>> How much is a Flat White?
after 1
<< One flat white is 3.40 euros.
>> what's on the menu
after 1
<< espresso 2.20, flat white 3.40, tea 2.80, cake 4.00.
>> My name is ada
after 1
<< Nice to meet you, Ada.
# A question that makes no sense before there is an order.
>> where is it?
after 1
<< Sorry, I don't know "where is it?". Ask me about opening hours, prices or your order.
>> order #4711
after 2
<~ Order 4711 is ready in ([5-9]|1[0-5]) minutes\.
>> where is it?
after 1
<< Order 4711 is nearly there, Ada.
>> gibberish
after 1
<< Sorry, I don't know "gibberish". Ask me about opening hours, prices or your order.
>> gibberish again
after 1
<< I am only a small bot. People answer at hello@example.com.
>> thanks
after 2
<~ You are welcome!|My pleasure\.|Any time\. Our cake is fresh today, by the way\.
>> bye
after 5
<< Goodbye, Ada!
