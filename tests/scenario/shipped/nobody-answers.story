after 30
<< All our people are in a conversation. Please wait, somebody will be with you soon.
>> hello?
after 5
<< This is an automatic answer. Your message waits with the others.
after 15
but chatbot: << You are number 5 in the queue.
>> anybody?
after 15
>> write to ada@example.com please
after 5
<< Thank you, ada@example.com is noted.
after 80
but chatbot: << You are number 5 in the queue.
after 40
but chatbot: << You are number 5 in the queue.
<< It is after hours now. We are here again on Monday at 9. Leave your email address, and we'll write to you.
>> I am still here
after 200
>> bye
after 5
<< You have left the queue. Goodbye!
