after 2
<< Please send three pictures of your bike. This is how they should look. https://example.com/survey/sample.jpg
>> what?
after 2
<< That is no picture. Send one, or say "done".
>> done
after 2
<< One at least, please.
sends https://example.com/mine/1.png a picture
after 2
<< Picture 1 of 3, thank you. 2 to go.
sends https://example.com/mine/2.png a picture
after 2
<< Picture 2 of 3, thank you. 1 to go.
after 190
<< Still there? 1 to go.
sends https://example.com/mine/3.png a picture
after 2
<< Got 3. How was it to send them, from 1 (bad) to 5 (good)?
>> seven
after 2
<< A number from 1 to 5, please.
>> 5
after 2
<< Great!
after 5
<~ Pictures: 3, the last one \S+. Your mark: 5. https://example.com/survey/receipt.pdf
<< Thank you, and goodbye!
