after 30
<< 126 messages
>> hello
after 1
<< You said: hello
>> more
after 20
<< 52 messages
>> 15
after 20
<< 16 messages
>> live
after 2.5
<~ 186\. .*
<~ 187\. .*
>> are you busy?
after 1
<~ .*
<~ .*
>> stop
after 100
<~ That were 18[89]\.
