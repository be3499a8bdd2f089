after 7
<< Hello. I am not the fastest. Ask me anything, or say "story", "forever" or "stop".
>> hello
after 90
<< Well.
<< About "hello"
<< I would have to think a little longer.
>> story
after 30
<< Once upon a time there was a bot that was so slow that nobody ever heard the end of it.
>> forever
after 100
>> stop
after 1
<< All right, I stop.
after 70
<< Take your time. I do, too.
after 70
