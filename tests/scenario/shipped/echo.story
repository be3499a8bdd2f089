>> hello
after 2
<< You said: hello
>> 👍 "quoted"
after 2
<< You said: 👍 "quoted"
