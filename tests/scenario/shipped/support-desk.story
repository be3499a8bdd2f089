after 3
<< Welcome to the support desk. What can we do for you?
>> where is order 4711?
after 4
<< Order 4711 is on its way. Say "agent" if you would like to talk to somebody.
>> it is not
after 4
<< Sorry, I don't know about that. I'll find somebody for you.
after 10
>> hello?
after 2
<< You are still in the queue, thank you for waiting.
after 50
<< Hello, Sam here. I've read "it is not". This is what you need.
<< Page 4 of the manual https://example.com/manual/page-4.jpg
<< Does that help?
>> no, it does not
after 4
<< Then please send the device to us, at https://example.com/returns.
<< Thank you, and have a nice day!
after 5
# What the client says now begins a new talk with the bot, where the backend knows no end of one.
>> hello again
after 8
chatbot, concierge: is refused
but chatbot, concierge: << Welcome to the support desk. What can we do for you?
but chatbot, concierge: << Sorry, I don't know about that. I'll find somebody for you.
