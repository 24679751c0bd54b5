-- One push of a Moodle message a request, to 100 devices in turn.
local extra = [[{"courseid":1,"modulename":null,"component":"moodle","name":"instantmessage","convid":1,"conversationtype":1,"subject":"New message from Ada Example","smallmessage":"Could you have a look at the second exercise before tomorrow? I have put my solution into the forum.","notification":0,"contexturl":"https:\/\/moodle.school.example\/message\/index.php?id=3","contexturlname":"Messages","replyto":null,"replytoname":null,"savedmessageid":4711,"attachment":null,"attachname":null,"timecreated":1760000000,"customdata":"{\"notificationiconurl\":\"https:\\\/\\\/moodle.school.example\\\/pluginfile.php\\\/5\\\/user\\\/icon\\\/boost\\\/f1?rev=1\",\"actionbuttons\":{\"send\":\"Send\"},\"placeholders\":{\"send\":\"Write a message...\"},\"conversationname\":\"\",\"conversationid\":\"1\"}","anonymous":0,"userfromid":3,"userfromfullname":"Ada Example","usertoid":4,"processor":"moodle","site":"0cc175b9c0f1b6a831c399e269772661","date":1760000000,"sitefullname":"Example School","siteshortname":"ES","wwwroot":"https:\/\/moodle.school.example","encrypted":false}]]
local n = 0
function request()
  n = (n + 1) % 100
  local body = '{"device":"Android-fcm","token":"bench-token-0123456789abcdef-' .. n .. '","extra":' .. extra .. '}'
  return wrk.format("POST", "/api/v2/push/", {
    ["Content-Type"] = "application/x-www-form-urlencoded", ["Accept"] = "application/json",
    ["X-AN-APP-NAME"] = "commoodlemoodlemobile", ["X-AN-APP-KEY"] = os.getenv("BENCH_KEY") or "none",
  }, body)
end
function done(summary, latency)
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.timeout + summary.errors.connect))
end
