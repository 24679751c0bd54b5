# Die Worte aller E-Mails. Siehe locales/en/mail.ftl und docs/mail.md.

## Around every letter

hello = Guten Tag { $name },
    .nobody = Guten Tag,
about = Zu dieser E-Mail
    .site = Website
    .address = Adresse
open-link = Oder öffnen Sie diese Adresse:
signs-off = Das Team von { $hub }
optional = Sie erhalten diese E-Mail, weil Sie eine Website bei { $hub } betreuen. Wenn Sie solche E-Mails nicht mehr möchten, bestellen Sie sie hier ab:
    .action = Diese E-Mails abbestellen
moment = { $day }. { $month ->
        [1] Januar
        [2] Februar
        [3] März
        [4] April
        [5] Mai
        [6] Juni
        [7] Juli
        [8] August
        [9] September
        [10] Oktober
        [11] November
       *[12] Dezember
    } { $year }, { $time } UTC

## Accounts

confirm = Bestätigen Sie Ihre Adresse bei { $hub }
    .intro = Sie haben { $site_name } bei { $hub } registriert. Folgen Sie diesem Link, um Ihre E-Mail-Adresse zu bestätigen. Sie sind dann angemeldet und sehen den nächsten Schritt.
    .action = Meine Adresse bestätigen
    .once = { $hours ->
        [one] Der Link gilt einmal, { $hours } Stunde lang. Wenn Sie es nicht waren, tun Sie nichts: Ohne ihn geschieht nichts.
       *[other] Der Link gilt einmal, { $hours } Stunden lang. Wenn Sie es nicht waren, tun Sie nichts: Ohne ihn geschieht nichts.
    }

reset = Wählen Sie ein neues Passwort für { $hub }
    .intro = Jemand, wahrscheinlich Sie, hat ein neues Passwort für Ihr Konto bei { $hub } angefordert. Folgen Sie diesem Link, um eines zu wählen.
    .action = Neues Passwort wählen
    .once = { $hours ->
        [one] Der Link gilt einmal, { $hours } Stunde lang. Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.
       *[other] Der Link gilt einmal, { $hours } Stunden lang. Wenn Sie es nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist.
    }

account_exists = Sie haben bereits ein Konto bei { $hub }
    .intro = Jemand, wahrscheinlich Sie, hat soeben mit dieser E-Mail-Adresse eine Website bei { $hub } registriert. Zu der Adresse gibt es bereits ein Konto, deshalb wurde nichts geändert. Melden Sie sich an, und registrieren Sie die Website von dort aus.
    .action = Anmelden
    .forgot = Haben Sie Ihr Passwort vergessen? Wählen Sie ein neues:
    .reset = Neues Passwort wählen
    .ignore = Wenn Sie es nicht waren, tun Sie nichts.

password_changed = Ihr Passwort bei { $hub } wurde geändert
    .intro = Das Passwort Ihres Kontos bei { $hub } wurde soeben geändert, und andere Geräte wurden abgemeldet. Wenn Sie es waren, ist alles in Ordnung. Wenn nicht, wählen Sie sofort ein neues Passwort.
    .action = Neues Passwort wählen

new_login = Neue Anmeldung an Ihrem Konto bei { $hub }
    .intro = Jemand hat sich an Ihrem Konto bei { $hub } von einem Ort oder mit einem Browser angemeldet, den wir von Ihnen noch nicht kannten.
    .when = Wann
    .address = Von der Adresse
    .agent = Mit
    .advice = Wenn Sie es waren, ist alles in Ordnung. Wenn nicht, wählen Sie sofort ein neues Passwort, und beenden Sie die Sitzungen, die Sie nicht kennen.
    .action = Mein Konto ansehen

factor_changed = { $what ->
        [totp_on] Ihr Konto bei { $hub } verlangt jetzt einen Code
        [totp_off] Ihr Konto bei { $hub } verlangt keinen Code mehr
        [passkey_added] Ihrem Konto bei { $hub } wurde ein Passkey hinzugefügt
        [passkey_removed] Von Ihrem Konto bei { $hub } wurde ein Passkey entfernt
        [recovery_new] Ihr Konto bei { $hub } hat neue Wiederherstellungscodes
        [recovery_used] Ein Wiederherstellungscode Ihres Kontos bei { $hub } wurde verwendet
       *[other] Ihre Anmeldung bei { $hub } wurde geändert
    }
    .intro = { $what ->
        [totp_on] Ab jetzt braucht die Anmeldung an Ihrem Konto bei { $hub } auch einen Code aus Ihrer Authentifizierungs-App. Bewahren Sie Ihre Wiederherstellungscodes an einem sicheren Ort auf: Mit ihnen kommen Sie ohne Ihr Telefon hinein.
        [totp_off] Ab jetzt braucht die Anmeldung an Ihrem Konto bei { $hub } keinen Code aus einer Authentifizierungs-App mehr.
        [passkey_added] Ihrem Konto bei { $hub } wurde ein Passkey hinzugefügt. Ab jetzt können Sie sich damit anmelden.
        [passkey_removed] Von Ihrem Konto bei { $hub } wurde ein Passkey entfernt. Sie können sich damit nicht mehr anmelden.
        [recovery_new] Für Ihr Konto bei { $hub } wurden neue Wiederherstellungscodes erzeugt. Die früheren gelten nicht mehr.
        [recovery_used] Jemand hat sich an Ihrem Konto bei { $hub } mit einem Ihrer Wiederherstellungscodes angemeldet. Dieser Code gilt nicht mehr.
       *[other] Was zur Anmeldung an Ihrem Konto bei { $hub } nötig ist, wurde geändert.
    }
    .advice = Wenn Sie es waren, ist alles in Ordnung. Wenn nicht, wählen Sie sofort ein neues Passwort, beenden Sie die Sitzungen, die Sie nicht kennen, und schreiben Sie dem Team des Hubs.
    .action = Mein Konto ansehen

role_changed = { $role ->
        [none] Sie gehören nicht mehr zum Team von { $hub }
       *[other] Sie haben eine andere Rolle im Team von { $hub }
    }
    .intro = { $role ->
        [admin] Sie haben jetzt bei { $hub } die Rolle „Administration“: Sie dürfen dort alles tun, auch Rollen und Einstellungen ändern.
        [reviewer] Sie haben jetzt bei { $hub } die Rolle „Prüfung“: Sie dürfen Websites und Fälle ansehen und Maßnahmen ergreifen.
        [analyst] Sie haben jetzt bei { $hub } die Rolle „Auswertung“: Sie dürfen alles ansehen, was das Team sieht, und nichts ändern.
       *[none] Sie gehören nicht mehr zum Team von { $hub }. Ihr Konto und Ihre Websites bleiben, wie sie sind.
    }
    .advice = Wenn Sie nicht wissen, warum, antworten Sie auf diese E-Mail.
    .action = Den Hub öffnen

staff_invited = Einladung in das Team von { $hub }
    .intro = { $role ->
        [admin] Sie sind bei { $hub } zur Rolle „Administration“ eingeladen: Sie dürfen dort alles tun, auch Rollen und Einstellungen ändern.
        [reviewer] Sie sind bei { $hub } zur Rolle „Prüfung“ eingeladen: Sie dürfen Websites und Fälle ansehen und Maßnahmen ergreifen.
       *[analyst] Sie sind bei { $hub } zur Rolle „Auswertung“ eingeladen: Sie dürfen alles ansehen, was das Team sieht, und nichts ändern.
    }
    .next = Folgen Sie diesem Link, um ein Passwort zu wählen. Sie sind dann angemeldet.
    .action = Passwort wählen
    .once = { $hours ->
        [one] Der Link gilt einmal, { $hours } Stunde lang. Wenn Sie diese E-Mail nicht erwartet haben, tun Sie nichts.
       *[other] Der Link gilt einmal, { $hours } Stunden lang. Wenn Sie diese E-Mail nicht erwartet haben, tun Sie nichts.
    }

account_erased = Ihr Konto bei { $hub } ist gelöscht
    .intro = Ihr Konto bei { $hub } ist gelöscht, wie es verlangt wurde. Was wir von Ihnen wussten, ist entfernt. Dies ist die letzte E-Mail, die Sie von uns erhalten.
    .advice = Wenn Sie das nicht verlangt haben, antworten Sie auf diese E-Mail.

## Sites

verified = { $site_name } ist bei { $hub } aktiv
    .intro = { $how ->
        [meta] Das Tag auf der Startseite beweist, dass { $site_name } Ihnen gehört. Die Website ist aktiv. Der nächste Schritt ist ihr Zugangsschlüssel.
        [file] Die Datei auf dem Server beweist, dass { $site_name } Ihnen gehört. Die Website ist aktiv. Der nächste Schritt ist ihr Zugangsschlüssel.
        [dns] Der DNS-Eintrag beweist, dass { $site_name } Ihnen gehört. Die Website ist aktiv. Der nächste Schritt ist ihr Zugangsschlüssel.
        [call] Eine Verbindung vom Server der Website beweist, dass { $site_name } Ihnen gehört. Die Website ist aktiv. Der nächste Schritt ist ihr Zugangsschlüssel.
       *[staff] Das Team des Hubs hat festgestellt, dass { $site_name } Ihnen gehört. Die Website ist aktiv. Der nächste Schritt ist ihr Zugangsschlüssel.
    }
    .action = Zugangsschlüssel holen

moodle_registered = { $site_name } ist bei { $hub } registriert
    .intro = Das Moodle { $site_name } hat sich bei { $hub } registriert und nennt Sie als Kontakt.
    .next = { $held ->
        [yes] Es wartet auf eine Entscheidung, weil eine andere Registrierung dieselbe Adresse oder dasselbe Geheimnis hat. Sie erfahren, wie entschieden wird.
       *[no] Sie müssen nichts tun.
    }
    .offer = Wenn Sie diesem Link folgen, bekommt die Website beim Hub eine Seite, die Ihnen gehört: Sie sehen, was ankommt und was nicht, und können Zugangsschlüssel und Einstellungen ändern.
    .action = Seite der Website ansehen
    .once = { $days ->
        [one] Der Link gilt einmal, { $days } Tag lang. Wenn Sie von diesem Moodle nichts wissen, tun Sie nichts.
       *[other] Der Link gilt einmal, { $days } Tage lang. Wenn Sie von diesem Moodle nichts wissen, tun Sie nichts.
    }

joined = { $site_name } ist mit seinem Moodle verbunden
    .intro = { $site_name } bei { $hub } ist mit einem Moodle verbunden, das sich von dort gemeldet hat oder von Ihnen registriert wurde. Ab jetzt kann dieses Moodle den Zugangsschlüssel der Website selbst anfordern.
    .advice = Wenn das weder Sie noch jemand aus Ihrem Team war, öffnen Sie die Seite der Website, widerrufen Sie die Schlüssel, die Sie nicht kennen, und schreiben Sie dem Team des Hubs.
    .action = Meine Website ansehen

newcomer = Ist das noch Ihre Website? { $site_name }
    .intro = { $same_address ->
        [yes] Ein anderes Moodle möchte sich mit der Adresse von { $site_name } bei { $hub } registrieren. Es kann Ihr eigenes sein, neu installiert, oder ein fremdes.
       *[no] Ein Moodle unter einer anderen Adresse benutzt die Registrierung von { $site_name } bei { $hub }. Ihre Website ist vielleicht dorthin umgezogen, oder jene ist eine Kopie von ihr, etwa eine Testinstallation.
    }
    .newcomer = Das andere Moodle
    .meanwhile = { $may_decide ->
        [yes] Ihre Registrierung und deren Zugangsschlüssel funktionieren weiter wie bisher. Die andere wartet, bis Sie oder das Team des Hubs entscheiden.
       *[no] Ihre Registrierung und deren Zugangsschlüssel funktionieren weiter wie bisher. Die andere wartet, bis das Team des Hubs entscheidet. Wenn Sie nachweisen, dass die Adresse Ihnen gehört, können Sie selbst entscheiden.
    }
    .choice = { $same_address ->
        [yes] Auf der Seite Ihrer Website können Sie sagen, dass es Ihre ist, oder sie abweisen.
       *[no] Auf der Seite Ihrer Website können Sie sagen, dass es Ihre ist, dass es eine eigenständige Website ist, oder sie abweisen.
    }
    .action = Entscheiden
    .seldom = Sie hören davon höchstens einmal am Tag.

decided = Zu { $site_name } bei { $hub }
    .intro = { $outcome ->
        [moved] Über die Registrierung von { $site_name } bei { $hub } ist entschieden: Sie gilt als die Website, die schon vorher registriert war, und wird als diese weitergeführt.
        [separate] Über die Registrierung von { $site_name } bei { $hub } ist entschieden: Sie ist eine eigenständige Website.
       *[refused] Über die Registrierung von { $site_name } bei { $hub } ist entschieden: Sie wurde abgewiesen, entweder von der Person, die die Website vorher registriert hat, oder vom Team des Hubs.
    }
    .advice = Wenn das falsch ist, antworten Sie auf diese E-Mail, und sagen Sie, warum.
    .action = Meine Websites ansehen

url_contested = Jemand anders beansprucht { $site_name }
    .intro = Jemand anders hat die Adresse von { $site_name } bei { $hub } registriert und gezeigt, dass er oder sie diese Website ändern kann.
    .advice = Ihre Registrierung funktioniert weiter. Wenn das jemand aus Ihrem Team war, antworten Sie auf diese E-Mail, und sagen Sie es uns. Wenn es niemand von Ihnen war, ist jemand in Ihr Moodle oder dessen Server eingedrungen: Gehen Sie dem nach.
    .action = Meine Website ansehen

url_lost = { $site_name } ruht bei { $hub }
    .intro = Eine andere Registrierung derselben Adresse gehört nachweislich der Person, die diese Website betreibt. Ihre Registrierung von { $site_name } bei { $hub } ruht, und ihre Zugangsschlüssel funktionieren nicht mehr.
    .advice = Wenn Sie diese Website betreiben, antworten Sie auf diese E-Mail, und sagen Sie es uns. Wenn Sie sie nur ein zweites Mal registriert haben, brauchen Sie nichts zu tun.
    .action = Meine Website ansehen

url_free = { $site_name } kann jetzt verifiziert werden
    .intro = Die andere Registrierung von { $site_name } hat { $hub } verlassen. Ihre eigene ruht nicht mehr: Weisen Sie noch einmal nach, dass die Website Ihnen gehört, und sie ist aktiv.
    .action = Meine Website verifizieren

## Push

push_off = Push ist für { $site_name } ausgeschaltet
    .intro = Push-Mitteilungen sind für { $site_name } jetzt ausgeschaltet: Die Website hat { $users } registrierte Nutzer, und der Push-Server von { $hub } ist auf Websites mit weniger als { $max_users } Nutzern beschränkt.
    .advice = Wenn die Zahl nicht stimmt, berichtigen Sie sie unter „Settings“, und Push ist sofort wieder an. Wenn Ihre Website mehr braucht, antworten Sie auf diese E-Mail.
    .action = Meine Website ansehen

push_ending = Push wird für { $site_name } bald ausgeschaltet
    .intro = Die Push-Mitteilungen von { $site_name } werden am { $until } ausgeschaltet: Die Website ist auf { $users } registrierte Nutzer gewachsen, und der Push-Server von { $hub } ist auf Websites mit weniger als { $max_users } Nutzern beschränkt.
    .advice = Bis dahin geht alles weiter wie bisher, aber die Website bekommt keinen neuen Zugangsschlüssel. Wenn sie bis dahin weniger Nutzer hat, bleibt Push an: Ihr Moodle meldet die Zahl einmal in der Woche von selbst, oder wenn Sie dort „Registrierung aktualisieren“ drücken. Wenn Ihre Website mehr braucht, antworten Sie auf diese E-Mail.
    .action = Meine Website ansehen

push_on = Push ist für { $site_name } wieder eingeschaltet
    .intro = Push-Mitteilungen sind für { $site_name } wieder eingeschaltet. Sie brauchen nichts zu tun.
    .action = Meine Website ansehen

## Access keys

key_requested = { $site_name } hat einen weiteren Zugangsschlüssel angefordert
    .intro = Das Moodle von { $site_name } hat bei { $hub } einen weiteren Zugangsschlüssel angefordert und bekommen. Der Schlüssel, den es vorher hatte, gilt noch bis zum { $until }.
    .advice = Wenn Sie oder jemand aus Ihrem Team in Moodle „Zugangsschlüssel abrufen“ gedrückt hat, ist nichts zu tun. Wenn es niemand war, kennt jemand anders das Geheimnis Ihrer Website: Öffnen Sie die Zugangsschlüssel der Website, widerrufen Sie den neuesten, stellen Sie einen anderen aus, und tragen Sie ihn in Moodle ein.
    .action = Zugangsschlüssel ansehen

key_ending = Ein Zugangsschlüssel von { $site_name } endet bald
    .intro = Ein Zugangsschlüssel von { $site_name } wurde durch einen neueren ersetzt und endet am { $until }. Er wurde in den letzten 24 Stunden benutzt.
    .prefix = Zugangsschlüssel
    .network = Zuletzt benutzt von
    .effect = Danach wird abgewiesen, was ihn benutzt: Push-Mitteilungen von dort kommen nicht mehr an.
    .advice = Tragen Sie den neueren Schlüssel überall ein, wo der alte steht: in Moodle unter Website-Administration › Mitteilungen › Mobile. Wenn Sie den neueren Schlüssel nicht mehr haben, tauschen Sie ihn aus: Sein Nachfolger wird Ihnen einmal gezeigt.
    .action = Meine Zugangsschlüssel ansehen

key_old = Ein Zugangsschlüssel von { $site_name } ist alt
    .intro = Ein Zugangsschlüssel von { $site_name } wurde am { $since } ausgestellt und ist noch in Gebrauch.
    .prefix = Zugangsschlüssel
    .calm = Es ist nichts passiert. Ein Schlüssel, der ab und zu gewechselt wird, richtet weniger Schaden an, falls ihn jemand kopiert hat.
    .advice = Beim Austausch geht keine Push-Mitteilung verloren: Der neue Schlüssel gilt sofort, und der alte gilt so lange weiter, wie Sie es wählen, damit Zeit bleibt, den neuen einzutragen.
    .action = Schlüssel austauschen

key_leaked = Ein Zugangsschlüssel von { $site_name } wurde gefunden und ist widerrufen
    .intro = Jemand hat { $hub } einen Zugangsschlüssel von { $site_name } gemeldet: Er fand sich dort, wo andere ihn lesen können.
    .prefix = Zugangsschlüssel
    .place = Als Fundort ist angegeben:
    .effect = Er ist widerrufen: Ab jetzt wird er überall abgewiesen, und Push-Mitteilungen, die mit ihm gesendet werden, kommen nicht an.
    .advice = Stellen Sie einen neuen Schlüssel aus, und tragen Sie ihn in Moodle ein. Finden Sie heraus, wie der alte nach außen kam, und entfernen Sie ihn dort.
    .action = Neuen Schlüssel ausstellen

key_revoked = Ein Zugangsschlüssel von { $site_name } ist widerrufen
    .intro = Das Team von { $hub } hat einen Zugangsschlüssel von { $site_name } widerrufen. Ab jetzt wird er abgewiesen, und Push-Mitteilungen, die mit ihm gesendet werden, kommen nicht an.
    .prefix = Zugangsschlüssel
    .reason = Der angegebene Grund:
    .advice = Stellen Sie einen neuen Schlüssel aus, und tragen Sie ihn in Moodle ein. Wenn Sie den Grund nicht verstehen, antworten Sie auf diese E-Mail.
    .action = Neuen Schlüssel ausstellen

## Abuse

suspended = { $site_name } ist bei { $hub } gesperrt
    .intro = Das Team von { $hub } hat { $site_name } gesperrt. Push-Mitteilungen von dort werden abgewiesen, bis die Sperre aufgehoben ist.
    .reason = Der angegebene Grund:
    .advice = Antworten Sie auf diese E-Mail, wenn Sie das für falsch halten oder wenn das Problem behoben ist.
    .action = Meine Website ansehen

lifted = { $site_name } ist nicht mehr gesperrt
    .intro = Das Team von { $hub } hat die Sperre von { $site_name } aufgehoben.
    .reason = Der angegebene Grund:
    .effect = Die Zugangsschlüssel der Website funktionieren wieder wie vorher.
    .action = Meine Website ansehen

case = Zu { $site_name } bei { $hub }
    .action = Fall lesen und antworten
    .closing = Sie können auf dieser Seite antworten; das Team von { $hub } liest es dort. Der Fall hat die Nummer { $number }.

case_answered = Das Team von { $hub } hat Ihnen zu { $site_name } geantwortet
    .intro = Das Team von { $hub } hat Ihnen im Fall { $number } geantwortet, in dem es um { $site_name } geht:
    .action = Fall lesen und antworten

case_opened = Fall { $number }: { $site_name }
    .intro = { $signal ->
        [rate_limited] Zu { $site_name } wurde ein Fall eröffnet: Sehr viele Push-Mitteilungen der Website werden abgewiesen, weil es zu viele sind.
        [unregistered] Zu { $site_name } wurde ein Fall eröffnet: Viele Push-Mitteilungen der Website gehen an Geräte, die nicht mehr registriert sind.
        [flood] Zu { $site_name } wurde ein Fall eröffnet: Einzelne Geräte werden überflutet.
        [enrolments] Zu { $site_name } wurde ein Fall eröffnet: Sehr viele Geräte melden sich auf einmal an.
        [enrolments_by_push] Zu { $site_name } wurde ein Fall eröffnet: Sehr viele Geräte werden durch eine Push-Mitteilung an sie angemeldet.
        [key_networks] Zu { $site_name } wurde ein Fall eröffnet: Ein Zugangsschlüssel der Website wird aus vielen Netzen benutzt.
        [shared_token] Zu { $site_name } wurde ein Fall eröffnet: Die Website hat ein Gerät, das auch sehr viele andere Websites haben.
        [oversize] Zu { $site_name } wurde ein Fall eröffnet: Viele Push-Mitteilungen der Website sind zu groß.
        [beyond_users] Zu { $site_name } wurde ein Fall eröffnet: Die Website hat weit mehr Geräte, als ihre Nutzer haben könnten.
        [reported] Zu { $site_name } wurde ein Fall eröffnet: Jemand hat die Website gemeldet.
       *[staff] Das Team hat zu { $site_name } einen Fall eröffnet.
    }
    .action = Fall ansehen

appeal_arrived = Fall { $number }: { $site_name } hat geantwortet
    .intro = Wer { $site_name } betreut, hat im Fall { $number } geantwortet:
    .action = Fall ansehen

notice = Zu { $site_name } bei { $hub }
    .action = Meine Website ansehen

## Drafts: what the team finds in the box, may change, and sends as the words of a case

draft-warn = Bitte prüfen Sie { $site_name }: Mit den Push-Mitteilungen stimmt etwas nicht
    .intro = { $hub } stellt die Push-Mitteilungen Ihrer Website { $site_name } zu. Dabei sehen wir etwas, das nicht sein sollte:
    .reason = In den Worten des Teams: { $reason }
    .effect = Es ist nichts abgeschaltet. Bitte finden Sie heraus, woher das kommt, und stellen Sie es ab. Übliche Ursachen sind ein Plugin, ein geplanter Vorgang oder ein Zugangsschlüssel in falschen Händen.
    .next = Sagen Sie uns auf der Seite des Falls, was Sie gefunden haben oder warum alles in Ordnung ist. Wenn es weitergeht und wir nichts hören, müssen wir die Website drosseln oder sperren, weil Apple und Google sonst alle Websites dieses Hubs aussperren würden.

draft-limit = { $site_name } wird bei { $hub } gedrosselt
    .intro = { $hub } stellt die Push-Mitteilungen Ihrer Website { $site_name } zu. Dabei sehen wir etwas, das nicht sein sollte:
    .reason = In den Worten des Teams: { $reason }
    .effect = Ab jetzt nehmen wir nur einen kleinen Teil der Push-Mitteilungen der Website an. Was darüber hinausgeht, wird abgewiesen.
    .until = Das endet von selbst: { $until }.
    .next = Bitte finden Sie heraus, woher das kommt, und stellen Sie es ab. Sagen Sie uns auf der Seite des Falls, wenn es behoben ist: Dann heben wir die Begrenzung sofort auf.

draft-push_off = Push ist für { $site_name } ausgeschaltet
    .intro = { $hub } stellt die Push-Mitteilungen Ihrer Website { $site_name } zu. Dabei sehen wir etwas, das nicht sein sollte:
    .reason = In den Worten des Teams: { $reason }
    .effect = Wir haben die Push-Mitteilungen ausgeschaltet. Alle werden abgewiesen; alles andere an Ihrer Website bleibt, wie es ist.
    .until = Das endet von selbst: { $until }.
    .next = Bitte finden Sie heraus, woher das kommt, und stellen Sie es ab. Sagen Sie uns auf der Seite des Falls, wenn es behoben ist: Dann schalten wir Push wieder ein.

draft-suspend = { $site_name } ist bei { $hub } gesperrt
    .intro = { $hub } stellt die Push-Mitteilungen Ihrer Website { $site_name } zu. Dabei sehen wir etwas, das nicht sein sollte:
    .reason = In den Worten des Teams: { $reason }
    .effect = Wir haben die Website gesperrt. Ihre Push-Mitteilungen werden abgewiesen, und sie bekommt keinen Zugangsschlüssel, bis die Sperre aufgehoben ist.
    .next = Wenn Sie das für falsch halten oder wenn das Problem behoben ist, sagen Sie es auf der Seite des Falls. Jemand aus dem Team liest jede Antwort.

draft-lift = { $site_name } arbeitet bei { $hub } wieder normal
    .intro = Wir haben die Maßnahmen aufgehoben, die wir bei Ihrer Website { $site_name } ergreifen mussten: Ihre Push-Mitteilungen werden wieder zugestellt wie vorher.
    .reason = In den Worten des Teams: { $reason }
    .next = Vielen Dank für Ihre Hilfe. Sie brauchen nichts weiter zu tun.

draft-close = Der Fall zu { $site_name } ist abgeschlossen
    .intro = Wir sind dem nachgegangen, was unserem Hub an Ihrer Website { $site_name } aufgefallen ist, und haben den Fall abgeschlossen.
    .reason = In den Worten des Teams: { $reason }
    .next = Sie brauchen nichts weiter zu tun.

sign-rate_limited = { $amount ->
        [one] { $amount } Push-Mitteilung wurde abgewiesen, weil es zu viele waren (wir gehen dem ab { $threshold } nach).
       *[other] { $amount } Push-Mitteilungen wurden abgewiesen, weil es zu viele waren (wir gehen dem ab { $threshold } nach).
    }
sign-unregistered = { $amount } % der Push-Mitteilungen gingen an Geräte, die nicht mehr registriert sind (wir gehen dem ab { $threshold } % nach).
sign-flood = { $amount ->
        [one] { $amount } Push-Mitteilung wurde abgewiesen, weil ein Gerät zu viele bekam (wir gehen dem ab { $threshold } nach).
       *[other] { $amount } Push-Mitteilungen wurden abgewiesen, weil ein Gerät zu viele bekam (wir gehen dem ab { $threshold } nach).
    }
sign-enrolments = { $amount ->
        [one] { $amount } Gerät wurde angemeldet (wir gehen dem ab { $threshold } nach).
       *[other] { $amount } Geräte wurden angemeldet (wir gehen dem ab { $threshold } nach).
    }
sign-enrolments_by_push = { $amount ->
        [one] An { $amount } Gerät, das vorher niemand angemeldet hatte, ging eine Push-Mitteilung (wir gehen dem ab { $threshold } nach).
       *[other] An { $amount } Geräte, die vorher niemand angemeldet hatte, gingen Push-Mitteilungen (wir gehen dem ab { $threshold } nach).
    }
sign-key_networks = { $amount ->
        [one] Ein Zugangsschlüssel wurde aus { $amount } Netz benutzt (wir gehen dem ab { $threshold } nach).
       *[other] Ein Zugangsschlüssel wurde aus { $amount } verschiedenen Netzen benutzt (wir gehen dem ab { $threshold } nach).
    }
sign-shared_token = { $amount ->
        [one] Ein Gerät der Website ist bei { $amount } Website angemeldet (wir gehen dem ab { $threshold } nach).
       *[other] Ein Gerät der Website ist bei { $amount } Websites angemeldet (wir gehen dem ab { $threshold } nach).
    }
sign-oversize = { $amount ->
        [one] { $amount } Push-Mitteilung war zu groß, um zugestellt zu werden (wir gehen dem ab { $threshold } nach).
       *[other] { $amount } Push-Mitteilungen waren zu groß, um zugestellt zu werden (wir gehen dem ab { $threshold } nach).
    }
sign-beyond_users = { $amount ->
        [one] Die Website hat { $amount } Gerät; nach der Zahl der Nutzer, die sie uns genannt hat, sind höchstens { $threshold } wahrscheinlich.
       *[other] Die Website hat { $amount } Geräte; nach der Zahl der Nutzer, die sie uns genannt hat, sind höchstens { $threshold } wahrscheinlich.
    }
sign-reported = { $amount ->
        [one] Die Website wurde uns { $amount } Mal gemeldet.
       *[other] Die Website wurde uns { $amount } Mal gemeldet.
    }
sign-staff = Es ist dem Team aufgefallen.
sign-between = { $from } – { $to }: { $sign }
