# The words of all letters. A message is a letter: its value is the subject, its attributes are the parts that
# src/mail/letters.rs puts together. What stands in braces comes from the hub. docs/mail.md tells how to translate.

## Around every letter

hello = Hello { $name },
    .nobody = Hello,
about = About this letter
    .site = Site
    .address = Address
open-link = Or open this address:
signs-off = The team of { $hub }
optional = You get this because you look after a site at { $hub }. If you do not want letters like this one any more, stop them here:
    .action = Stop these letters
moment = { $day } { $month ->
        [1] January
        [2] February
        [3] March
        [4] April
        [5] May
        [6] June
        [7] July
        [8] August
        [9] September
        [10] October
        [11] November
       *[12] December
    } { $year }, { $time } UTC

## Accounts

confirm = Confirm your address at { $hub }
    .intro = You have registered { $site_name } at { $hub }. Follow this link to confirm your e-mail address. You are then logged in and see the next step.
    .action = Confirm my address
    .once = { $hours ->
        [one] The link works once, for { $hours } hour. If it was not you, do nothing: without it nothing happens.
       *[other] The link works once, for { $hours } hours. If it was not you, do nothing: without it nothing happens.
    }

reset = Choose a new password for { $hub }
    .intro = Somebody, probably you, asked for a new password for your account at { $hub }. Follow this link to choose one.
    .action = Choose a new password
    .once = { $hours ->
        [one] The link works once, for { $hours } hour. If it was not you, do nothing: your password stays as it is.
       *[other] The link works once, for { $hours } hours. If it was not you, do nothing: your password stays as it is.
    }

account_exists = You have an account at { $hub } already
    .intro = Somebody, probably you, has just registered a site at { $hub } with this e-mail address. It has an account already, so nothing was changed. Log in, and register the site from there.
    .action = Log in
    .forgot = Have you forgotten your password? Choose a new one:
    .reset = Choose a new password
    .ignore = If it was not you, do nothing.

password_changed = Your password at { $hub } was changed
    .intro = The password of your account at { $hub } was changed just now, and other devices were logged out. If that was you, all is well. If not, choose a new password at once.
    .action = Choose a new password

new_login = New login to your account at { $hub }
    .intro = Somebody has logged in to your account at { $hub } from a place or a browser that we have not seen with it before.
    .when = When
    .address = From the address
    .agent = With
    .advice = If that was you, all is well. If not, choose a new password at once and end the sessions that you do not know.
    .action = See my account

factor_changed = { $what ->
        [totp_on] Your account at { $hub } now asks for a code
        [totp_off] Your account at { $hub } no longer asks for a code
        [passkey_added] A passkey was added to your account at { $hub }
        [passkey_removed] A passkey was removed from your account at { $hub }
        [recovery_new] Your account at { $hub } has new recovery codes
        [recovery_used] A recovery code of your account at { $hub } was used
       *[other] How you log in to { $hub } was changed
    }
    .intro = { $what ->
        [totp_on] From now on, a login to your account at { $hub } also needs a code from your authenticator app. Keep your recovery codes in a safe place: with them you get in without your phone.
        [totp_off] From now on, a login to your account at { $hub } no longer needs a code from an authenticator app.
        [passkey_added] A passkey was added to your account at { $hub }. From now on you can log in with it.
        [passkey_removed] A passkey was removed from your account at { $hub }. It can no longer be used to log in.
        [recovery_new] New recovery codes were made for your account at { $hub }. The earlier ones no longer work.
        [recovery_used] Somebody has logged in to your account at { $hub } with one of your recovery codes. That code no longer works.
       *[other] What is needed to log in to your account at { $hub } was changed.
    }
    .advice = If that was you, all is well. If not, choose a new password at once, end the sessions that you do not know, and write to the hub’s team.
    .action = See my account

role_changed = { $role ->
        [none] You are no longer in the team of { $hub }
       *[other] You have another role in the team of { $hub }
    }
    .intro = { $role ->
        [admin] You are an administrator of { $hub } now: you may do everything there, also change roles and settings.
        [reviewer] You are a reviewer of { $hub } now: you may look at sites and cases and act on them.
        [analyst] You are an analyst of { $hub } now: you may look at everything that the team sees, and change nothing.
       *[none] You no longer belong to the team of { $hub }. Your account and your sites stay as they are.
    }
    .advice = If you do not know why, answer this mail.
    .action = Open the hub

staff_invited = You are invited to the team of { $hub }
    .intro = { $role ->
        [admin] You are invited to be an administrator of { $hub }: you may do everything there, also change roles and settings.
        [reviewer] You are invited to be a reviewer of { $hub }: you may look at sites and cases and act on them.
       *[analyst] You are invited to be an analyst of { $hub }: you may look at everything that the team sees, and change nothing.
    }
    .next = Follow this link to choose a password. You are then logged in.
    .action = Choose a password
    .once = { $hours ->
        [one] The link works once, for { $hours } hour. If you do not expect this, do nothing.
       *[other] The link works once, for { $hours } hours. If you do not expect this, do nothing.
    }

account_erased = Your account at { $hub } is erased
    .intro = Your account at { $hub } is erased, as was asked for. What we knew of you is deleted. This is the last letter that you get from us.
    .advice = If you did not ask for this, answer this mail.

## Sites

verified = { $site_name } is active at { $hub }
    .intro = { $how ->
        [meta] The tag on its front page proves that { $site_name } is yours. The site is active. The next step is its access key.
        [file] The file on its server proves that { $site_name } is yours. The site is active. The next step is its access key.
        [dns] Its DNS record proves that { $site_name } is yours. The site is active. The next step is its access key.
        [call] A call from its own server proves that { $site_name } is yours. The site is active. The next step is its access key.
       *[staff] The hub’s team has found that { $site_name } is yours. The site is active. The next step is its access key.
    }
    .action = Get the access key

moodle_registered = { $site_name } is registered at { $hub }
    .intro = The Moodle { $site_name } has registered at { $hub }, and names you as its contact.
    .next = { $held ->
        [yes] It is held, because another registration has the same address or secret. You will hear what is decided.
       *[no] There is nothing that you must do.
    }
    .offer = If you follow this link, the site gets a page on the hub that is yours: you see what arrives and what does not, and can change access keys and settings.
    .action = See the site’s page
    .once = { $days ->
        [one] The link works once, for { $days } day. If you know nothing of this Moodle, do nothing.
       *[other] The link works once, for { $days } days. If you know nothing of this Moodle, do nothing.
    }

joined = { $site_name } is joined with its Moodle
    .intro = { $site_name } at { $hub } is joined with a Moodle that called from it or was registered by you. From now on that Moodle can ask for the site’s access key by itself.
    .advice = If it was not you or a colleague of yours, open the site’s page, revoke the keys that you do not know, and write to the hub’s team.
    .action = See my site

newcomer = Is this still your site? { $site_name }
    .intro = { $same_address ->
        [yes] Another Moodle wants to register with the address of { $site_name } at { $hub }. It may be your own, installed anew, or somebody else’s.
       *[no] A Moodle at another address uses the registration of { $site_name } at { $hub }. Your site may have moved there, or that one is a copy of it, such as a test site.
    }
    .newcomer = The other Moodle
    .meanwhile = { $may_decide ->
        [yes] Your registration and its access keys go on working as before. The other one is held until you decide, or the hub’s team does.
       *[no] Your registration and its access keys go on working as before. The other one is held until the hub’s team decides. If you prove that the address is yours, you can decide it yourself.
    }
    .choice = { $same_address ->
        [yes] On the page of your site you can say that it is yours, or turn it away.
       *[no] On the page of your site you can say that it is yours, that it is a site of its own, or turn it away.
    }
    .action = Decide
    .seldom = You hear of this at most once a day.

decided = About { $site_name } at { $hub }
    .intro = { $outcome ->
        [moved] A decision was made about the registration of { $site_name } at { $hub }: it is taken to be the site that was registered before, and goes on as that one.
        [separate] A decision was made about the registration of { $site_name } at { $hub }: it is a site of its own.
       *[refused] A decision was made about the registration of { $site_name } at { $hub }: it was turned away by whoever registered the site before, or by the hub’s team.
    }
    .advice = If that is wrong, answer this mail and say why.
    .action = See my sites

url_contested = Somebody else claims { $site_name }
    .intro = Somebody else has registered the address of { $site_name } at { $hub }, and has shown that they can change that site.
    .advice = Your registration goes on working. If this was a colleague of yours, answer this mail and say so. If it was nobody you know, somebody has got into your Moodle or its server: look into it.
    .action = See my site

url_lost = { $site_name } is on hold at { $hub }
    .intro = Another registration of the same address has been proved to belong to whoever runs that site. Your registration of { $site_name } at { $hub } is on hold, and its access keys no longer work.
    .advice = If you run this site, answer this mail and say so. If you have only registered it a second time, you need not do anything.
    .action = See my site

url_free = { $site_name } can be verified now
    .intro = The other registration of { $site_name } has left { $hub }. Your own is no longer on hold: prove once more that the site is yours, and it is active.
    .action = Verify my site

## Push

push_off = Push is off for { $site_name }
    .intro = Push notifications are off now for { $site_name }: it has { $users } registered users, and the push server of { $hub } is limited to sites with fewer than { $max_users }.
    .advice = If the number is wrong, correct it under Settings, and push goes on again at once. If your site needs more, answer this mail.
    .action = See my site

push_ending = Push goes off soon for { $site_name }
    .intro = Push notifications go off on { $until } for { $site_name }: it has grown to { $users } registered users, and the push server of { $hub } is limited to sites with fewer than { $max_users }.
    .advice = Until then all goes on as before, but the site gets no new access key. If it has fewer users by then, push stays on: your Moodle reports the number by itself once a week, or when you press “Update registration” there. If your site needs more, answer this mail.
    .action = See my site

push_on = Push is on again for { $site_name }
    .intro = Push notifications are on again for { $site_name }. You need not do anything.
    .action = See my site

## Access keys

key_requested = { $site_name } has asked for another access key
    .intro = The Moodle of { $site_name } has asked { $hub } for another access key, and got one. The key it had before goes on working until { $until }.
    .advice = If you or a colleague pressed “Request access key” in Moodle, there is nothing to do. If nobody did, somebody else knows your site’s secret: open the site’s access keys, revoke the newest one, issue another and put it into Moodle.
    .action = See the access keys

key_ending = An access key of { $site_name } ends soon
    .intro = An access key of { $site_name } was replaced by a newer one and ends on { $until }. It was used within the last day.
    .prefix = Access key
    .network = Last used from
    .effect = After that, whatever uses it is refused: pushes from there do not arrive any more.
    .advice = Put the newer key into every place that has the old one: a Moodle has it under Site administration › Messaging › Mobile. If you do not have the newer key any more, rotate that newer one: its successor is shown to you once.
    .action = See my access keys

key_old = An access key of { $site_name } is old
    .intro = An access key of { $site_name } was issued on { $since } and is still in use.
    .prefix = Access key
    .calm = Nothing is wrong. A key that is changed now and then does less harm if somebody has copied it.
    .advice = Rotating loses no push: the new key works at once, and the old one goes on working for as long as you choose, so that there is time to put the new one into its place.
    .action = Rotate the key

key_leaked = An access key of { $site_name } was found and is revoked
    .intro = Somebody has reported an access key of { $site_name } to { $hub }: it was found where others can read it.
    .prefix = Access key
    .place = They say where:
    .effect = It is revoked: from now on it is refused everywhere, and pushes that are sent with it do not arrive.
    .advice = Issue a new key and put it into Moodle. Look for how the old one got out, and take it away there.
    .action = Issue a new key

key_revoked = An access key of { $site_name } is revoked
    .intro = The team of { $hub } has revoked an access key of { $site_name }. From now on it is refused, and pushes that are sent with it do not arrive.
    .prefix = Access key
    .reason = The reason given:
    .advice = Issue a new key and put it into Moodle. If you do not understand why, answer this mail.
    .action = Issue a new key

## Abuse

suspended = { $site_name } is suspended at { $hub }
    .intro = The team of { $hub } has suspended { $site_name }. Its pushes are refused until this is lifted.
    .reason = The reason given:
    .advice = Answer this mail if you think that this is wrong, or once the problem is solved.
    .action = See my site

lifted = { $site_name } is no longer suspended
    .intro = The team of { $hub } has lifted the suspension of { $site_name }.
    .reason = The reason given:
    .effect = Its access keys work again as they did before.
    .action = See my site

# What stands around the words that the team has written about a case.
case = About { $site_name } at { $hub }
    .action = Read the case and answer
    .closing = You can answer on that page; the team of { $hub } reads it there. The number of the case is { $number }.

case_answered = The team of { $hub } has answered you about { $site_name }
    .intro = The team of { $hub } has answered you in case { $number }, which is about { $site_name }:
    .action = Read the case and answer

case_opened = Case { $number }: { $site_name }
    .intro = { $signal ->
        [rate_limited] A case was opened about { $site_name }: very many of its pushes are refused because there are too many.
        [unregistered] A case was opened about { $site_name }: many of its pushes go to devices that are not registered any more.
        [flood] A case was opened about { $site_name }: it floods single devices.
        [enrolments] A case was opened about { $site_name }: very many devices enrol at once.
        [enrolments_by_push] A case was opened about { $site_name }: very many devices enrol by a push to them.
        [key_networks] A case was opened about { $site_name }: one of its access keys is used from many networks.
        [shared_token] A case was opened about { $site_name }: it has a device that very many other sites have as well.
        [oversize] A case was opened about { $site_name }: many of its pushes are too large.
        [beyond_users] A case was opened about { $site_name }: it has far more devices than its users could have.
        [reported] A case was opened about { $site_name }: somebody has reported it.
       *[staff] A case was opened about { $site_name } by the team.
    }
    .action = See the case

appeal_arrived = Case { $number }: { $site_name } has answered
    .intro = Whoever looks after { $site_name } has answered in case { $number }:
    .action = See the case

notice = About { $site_name } at { $hub }
    .action = See my site

## Drafts: what the team finds in the box, may change, and sends as the words of a case

draft-warn = Please look at { $site_name }: its pushes look wrong
    .intro = { $hub } delivers the push notifications of your site { $site_name }. We see something there that should not be:
    .reason = In the team’s words: { $reason }
    .effect = Nothing is switched off. Please find out where this comes from, and stop it. A plugin, a scheduled task or an access key in the wrong hands are usual causes.
    .next = Tell us on the case’s page what you have found, or why all is well. If it goes on and we hear nothing, we have to slow the site down or suspend it, because Apple and Google would block all sites of this hub otherwise.

draft-limit = { $site_name } is slowed down at { $hub }
    .intro = { $hub } delivers the push notifications of your site { $site_name }. We see something there that should not be:
    .reason = In the team’s words: { $reason }
    .effect = From now on we take only a small part of its pushes. What is beyond that is refused.
    .until = This ends by itself: { $until }.
    .next = Please find out where this comes from, and stop it. Tell us on the case’s page once it is solved: we then lift the limit at once.

draft-push_off = Push is switched off for { $site_name }
    .intro = { $hub } delivers the push notifications of your site { $site_name }. We see something there that should not be:
    .reason = In the team’s words: { $reason }
    .effect = We have switched its push notifications off. All its pushes are refused; everything else of your site stays as it is.
    .until = This ends by itself: { $until }.
    .next = Please find out where this comes from, and stop it. Tell us on the case’s page once it is solved: we then switch push on again.

draft-suspend = { $site_name } is suspended at { $hub }
    .intro = { $hub } delivers the push notifications of your site { $site_name }. We see something there that should not be:
    .reason = In the team’s words: { $reason }
    .effect = We have suspended the site. Its pushes are refused, and it gets no access key, until this is lifted.
    .next = If you think that this is wrong, or once the problem is solved, say so on the case’s page. Somebody of the team reads every answer.

draft-lift = { $site_name } works again at { $hub }
    .intro = We have ended the measures that we had to take about your site { $site_name }: its push notifications are delivered as before.
    .reason = In the team’s words: { $reason }
    .next = Thank you for your help. You need not do anything more.

draft-close = The case about { $site_name } is closed
    .intro = We have looked into what our hub noticed about your site { $site_name }, and have closed the case.
    .reason = In the team’s words: { $reason }
    .next = You need not do anything more.

# One line of evidence for each signal. From and to are times, or empty.
sign-rate_limited = { $amount ->
        [one] { $amount } push was refused because there were too many (we look into it from { $threshold }).
       *[other] { $amount } pushes were refused because there were too many (we look into it from { $threshold }).
    }
sign-unregistered = { $amount } % of its pushes went to devices that are not registered any more (we look into it from { $threshold } %).
sign-flood = { $amount ->
        [one] { $amount } push was refused because one device got too many pushes (we look into it from { $threshold }).
       *[other] { $amount } pushes were refused because one device got too many pushes (we look into it from { $threshold }).
    }
sign-enrolments = { $amount ->
        [one] { $amount } device was enrolled (we look into it from { $threshold }).
       *[other] { $amount } devices were enrolled (we look into it from { $threshold }).
    }
sign-enrolments_by_push = { $amount ->
        [one] { $amount } device that nobody had enrolled before was sent a push (we look into it from { $threshold }).
       *[other] { $amount } devices that nobody had enrolled before were sent a push (we look into it from { $threshold }).
    }
sign-key_networks = { $amount ->
        [one] One access key was used from { $amount } network (we look into it from { $threshold }).
       *[other] One access key was used from { $amount } different networks (we look into it from { $threshold }).
    }
sign-shared_token = { $amount ->
        [one] One of its devices is enrolled at { $amount } site (we look into it from { $threshold }).
       *[other] One of its devices is enrolled at { $amount } sites (we look into it from { $threshold }).
    }
sign-oversize = { $amount ->
        [one] { $amount } push was too large to be delivered (we look into it from { $threshold }).
       *[other] { $amount } pushes were too large to be delivered (we look into it from { $threshold }).
    }
sign-beyond_users = { $amount ->
        [one] It has { $amount } device; from the users that it has told us of, at most { $threshold } are likely.
       *[other] It has { $amount } devices; from the users that it has told us of, at most { $threshold } are likely.
    }
sign-reported = { $amount ->
        [one] It was reported to us { $amount } time.
       *[other] It was reported to us { $amount } times.
    }
sign-staff = The team has noticed it.
sign-between = { $from } to { $to }: { $sign }

