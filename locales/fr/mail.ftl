# Les mots de tous les messages. Voir locales/en/mail.ftl et docs/mail.md.

## Around every letter

hello = Bonjour { $name },
    .nobody = Bonjour,
about = À propos de ce message
    .site = Site
    .address = Adresse
open-link = Ou ouvrez cette adresse :
signs-off = L’équipe de { $hub }
optional = Vous recevez ce message parce que vous vous occupez d’un site sur { $hub }. Si vous ne souhaitez plus recevoir de messages de ce type, désabonnez-vous ici :
    .action = Ne plus recevoir ces messages
moment = { $day } { $month ->
        [1] janvier
        [2] février
        [3] mars
        [4] avril
        [5] mai
        [6] juin
        [7] juillet
        [8] août
        [9] septembre
        [10] octobre
        [11] novembre
       *[12] décembre
    } { $year }, { $time } UTC

## Accounts

confirm = Confirmez votre adresse sur { $hub }
    .intro = Vous avez enregistré { $site_name } sur { $hub }. Suivez ce lien pour confirmer votre adresse e-mail. Vous entrez alors dans votre compte et voyez l’étape suivante.
    .action = Confirmer mon adresse
    .once = { $hours ->
        [one] Le lien sert une seule fois et reste valable { $hours } heure. Si ce n’était pas vous, ne faites rien : sans ce lien, il ne se passe rien.
       *[other] Le lien sert une seule fois et reste valable { $hours } heures. Si ce n’était pas vous, ne faites rien : sans ce lien, il ne se passe rien.
    }

reset = Choisissez un nouveau mot de passe pour { $hub }
    .intro = Quelqu’un, sans doute vous, a demandé un nouveau mot de passe pour votre compte sur { $hub }. Suivez ce lien pour le choisir.
    .action = Choisir un nouveau mot de passe
    .once = { $hours ->
        [one] Le lien sert une seule fois et reste valable { $hours } heure. Si ce n’était pas vous, ne faites rien : votre mot de passe reste inchangé.
       *[other] Le lien sert une seule fois et reste valable { $hours } heures. Si ce n’était pas vous, ne faites rien : votre mot de passe reste inchangé.
    }

account_exists = Vous avez déjà un compte sur { $hub }
    .intro = Quelqu’un, sans doute vous, vient d’enregistrer un site sur { $hub } avec cette adresse e-mail. Un compte existe déjà pour cette adresse ; rien n’a donc été modifié. Connectez-vous et enregistrez le site à partir de là.
    .action = Se connecter
    .forgot = Avez-vous oublié votre mot de passe ? Choisissez-en un nouveau :
    .reset = Choisir un nouveau mot de passe
    .ignore = Si ce n’était pas vous, ne faites rien.

password_changed = Votre mot de passe sur { $hub } a été modifié
    .intro = Le mot de passe de votre compte sur { $hub } vient d’être modifié, et les autres appareils ont été déconnectés. Si c’était vous, tout va bien. Sinon, choisissez tout de suite un nouveau mot de passe.
    .action = Choisir un nouveau mot de passe

new_login = Nouvelle connexion à votre compte sur { $hub }
    .intro = Quelqu’un s’est connecté à votre compte sur { $hub } depuis un lieu ou avec un navigateur encore inconnus pour ce compte.
    .when = Quand
    .address = Depuis l’adresse
    .agent = Avec
    .advice = Si c’était vous, tout va bien. Sinon, choisissez tout de suite un nouveau mot de passe et fermez les sessions que vous ne connaissez pas.
    .action = Voir mon compte

factor_changed = { $what ->
        [totp_on] Votre compte sur { $hub } demande désormais un code
        [totp_off] Votre compte sur { $hub } ne demande plus de code
        [passkey_added] Une clé d’identification a été ajoutée à votre compte sur { $hub }
        [passkey_removed] Une clé d’identification a été retirée de votre compte sur { $hub }
        [recovery_new] Votre compte sur { $hub } a de nouveaux codes de secours
        [recovery_used] Un code de secours de votre compte sur { $hub } a été utilisé
       *[other] La façon de vous connecter à { $hub } a changé
    }
    .intro = { $what ->
        [totp_on] Désormais, la connexion à votre compte sur { $hub } demande aussi un code de votre application d’authentification. Gardez vos codes de secours en lieu sûr : ils vous permettent d’entrer sans votre téléphone.
        [totp_off] Désormais, la connexion à votre compte sur { $hub } ne demande plus de code d’une application d’authentification.
        [passkey_added] Une clé d’identification (passkey) a été ajoutée à votre compte sur { $hub }. Vous pouvez désormais vous connecter avec elle.
        [passkey_removed] Une clé d’identification (passkey) a été retirée de votre compte sur { $hub }. Elle ne permet plus de se connecter.
        [recovery_new] De nouveaux codes de secours ont été créés pour votre compte sur { $hub }. Les anciens ne sont plus valables.
        [recovery_used] Quelqu’un s’est connecté à votre compte sur { $hub } avec l’un de vos codes de secours. Ce code n’est plus valable.
       *[other] Ce qu’il faut pour se connecter à votre compte sur { $hub } a changé.
    }
    .advice = Si c’était vous, tout va bien. Sinon, choisissez tout de suite un nouveau mot de passe, fermez les sessions que vous ne connaissez pas et écrivez à l’équipe du hub.
    .action = Voir mon compte

role_changed = { $role ->
        [none] Vous ne faites plus partie de l’équipe de { $hub }
       *[other] Vous avez un autre rôle dans l’équipe de { $hub }
    }
    .intro = { $role ->
        [admin] Vous avez désormais le rôle d’administration de { $hub } : vous pouvez tout y faire, y compris changer les rôles et les réglages.
        [reviewer] Vous avez désormais le rôle de modération de { $hub } : vous pouvez consulter les sites et les dossiers, et agir sur eux.
        [analyst] Vous avez désormais le rôle d’analyse de { $hub } : vous pouvez consulter tout ce que voit l’équipe, sans rien modifier.
       *[none] Vous ne faites plus partie de l’équipe de { $hub }. Votre compte et vos sites restent tels quels.
    }
    .advice = Si vous ne savez pas pourquoi, répondez à ce message.
    .action = Ouvrir le hub

staff_invited = Invitation dans l’équipe de { $hub }
    .intro = { $role ->
        [admin] Nous vous invitons à prendre le rôle d’administration de { $hub } : vous pourrez tout y faire, y compris changer les rôles et les réglages.
        [reviewer] Nous vous invitons à prendre le rôle de modération de { $hub } : vous pourrez consulter les sites et les dossiers, et agir sur eux.
       *[analyst] Nous vous invitons à prendre le rôle d’analyse de { $hub } : vous pourrez consulter tout ce que voit l’équipe, sans rien modifier.
    }
    .next = Suivez ce lien pour choisir un mot de passe. Vous entrez alors dans votre compte.
    .action = Choisir un mot de passe
    .once = { $hours ->
        [one] Le lien sert une seule fois et reste valable { $hours } heure. Si vous n’attendiez pas ce message, ne faites rien.
       *[other] Le lien sert une seule fois et reste valable { $hours } heures. Si vous n’attendiez pas ce message, ne faites rien.
    }

account_erased = Votre compte sur { $hub } est effacé
    .intro = Votre compte sur { $hub } est effacé, comme cela a été demandé. Ce que nous savions de vous est supprimé. Ce message est le dernier que vous recevez de nous.
    .advice = Si vous ne l’avez pas demandé, répondez à ce message.

## Sites

verified = { $site_name } est actif sur { $hub }
    .intro = { $how ->
        [meta] La balise sur sa page d’accueil prouve que { $site_name } est à vous. Le site est actif. L’étape suivante est sa clé d’accès.
        [file] Le fichier sur son serveur prouve que { $site_name } est à vous. Le site est actif. L’étape suivante est sa clé d’accès.
        [dns] Son enregistrement DNS prouve que { $site_name } est à vous. Le site est actif. L’étape suivante est sa clé d’accès.
        [call] Une connexion venue de son propre serveur prouve que { $site_name } est à vous. Le site est actif. L’étape suivante est sa clé d’accès.
       *[staff] L’équipe du hub a constaté que { $site_name } est à vous. Le site est actif. L’étape suivante est sa clé d’accès.
    }
    .action = Obtenir la clé d’accès

moodle_registered = { $site_name } est enregistré sur { $hub }
    .intro = Le Moodle { $site_name } s’est enregistré sur { $hub } et vous indique comme contact.
    .next = { $held ->
        [yes] Il est mis en attente, car un autre enregistrement a la même adresse ou le même secret. Nous vous informerons de la décision.
       *[no] Vous n’avez rien à faire.
    }
    .offer = Si vous suivez ce lien, le site obtient sur le hub une page qui est à vous : vous y voyez ce qui arrive et ce qui n’arrive pas, et pouvez changer les clés d’accès et les réglages.
    .action = Voir la page du site
    .once = { $days ->
        [one] Le lien sert une seule fois et reste valable { $days } jour. Si vous ne savez rien de ce Moodle, ne faites rien.
       *[other] Le lien sert une seule fois et reste valable { $days } jours. Si vous ne savez rien de ce Moodle, ne faites rien.
    }

joined = { $site_name } est relié à son Moodle
    .intro = { $site_name }, enregistré sur { $hub }, est relié à un Moodle qui a contacté le hub depuis ce site ou que vous avez enregistré. Désormais, ce Moodle peut demander lui-même la clé d’accès du site.
    .advice = Si ce n’était ni vous ni quelqu’un de votre équipe, ouvrez la page du site, révoquez les clés que vous ne connaissez pas et écrivez à l’équipe du hub.
    .action = Voir mon site

newcomer = Est-ce toujours votre site ? { $site_name }
    .intro = { $same_address ->
        [yes] Un autre Moodle veut s’enregistrer avec l’adresse de { $site_name } sur { $hub }. C’est peut-être le vôtre, installé à nouveau, ou celui de quelqu’un d’autre.
       *[no] Un Moodle situé à une autre adresse utilise l’enregistrement de { $site_name } sur { $hub }. Votre site y a peut-être déménagé, ou bien c’en est une copie, par exemple un site de test.
    }
    .newcomer = L’autre Moodle
    .meanwhile = { $may_decide ->
        [yes] Votre enregistrement et ses clés d’accès continuent de fonctionner comme avant. L’autre est mis en attente jusqu’à ce que vous décidiez, ou que l’équipe du hub décide.
       *[no] Votre enregistrement et ses clés d’accès continuent de fonctionner comme avant. L’autre est mis en attente jusqu’à ce que l’équipe du hub décide. Si vous prouvez que l’adresse est à vous, vous pourrez décider.
    }
    .choice = { $same_address ->
        [yes] Sur la page de votre site, vous pourrez dire que c’est le vôtre, ou le refuser.
       *[no] Sur la page de votre site, vous pourrez dire que c’est le vôtre, que c’est un site à part, ou le refuser.
    }
    .action = Décider
    .seldom = Vous recevez cet avis une fois par jour au plus.

decided = À propos de { $site_name } sur { $hub }
    .intro = { $outcome ->
        [moved] Une décision a été prise sur l’enregistrement de { $site_name } sur { $hub } : il est considéré comme le site déjà enregistré et se poursuit comme tel.
        [separate] Une décision a été prise sur l’enregistrement de { $site_name } sur { $hub } : c’est un site à part.
       *[refused] Une décision a été prise sur l’enregistrement de { $site_name } sur { $hub } : il a été refusé par la personne qui avait enregistré le site auparavant, ou par l’équipe du hub.
    }
    .advice = Si c’est une erreur, répondez à ce message et dites pourquoi.
    .action = Voir mes sites

url_contested = Quelqu’un d’autre revendique { $site_name }
    .intro = Quelqu’un d’autre a enregistré l’adresse de { $site_name } sur { $hub } et a montré qu’il peut modifier ce site.
    .advice = Votre enregistrement continue de fonctionner. Si c’était quelqu’un de votre équipe, répondez à ce message pour nous le dire. Si ce n’était personne des vôtres, quelqu’un est entré dans votre Moodle ou son serveur : vérifiez-le.
    .action = Voir mon site

url_lost = { $site_name } est en attente sur { $hub }
    .intro = Il est prouvé qu’un autre enregistrement de la même adresse appartient à la personne qui exploite ce site. Votre enregistrement de { $site_name } sur { $hub } est en attente, et ses clés d’accès ne fonctionnent plus.
    .advice = Si vous exploitez ce site, répondez à ce message pour nous le dire. Si vous l’avez seulement enregistré une seconde fois, vous n’avez rien à faire.
    .action = Voir mon site

url_free = { $site_name } peut maintenant être vérifié
    .intro = L’autre enregistrement de { $site_name } a quitté { $hub }. Le vôtre n’est plus en attente : prouvez encore une fois que le site est à vous, et il sera actif.
    .action = Vérifier mon site

## Push

push_off = Les notifications push de { $site_name } sont désactivées
    .intro = Les notifications push de { $site_name } sont désormais désactivées : le site a { $users } utilisateurs enregistrés, et le serveur push de { $hub } est limité aux sites qui en ont moins de { $max_users }.
    .advice = Si ce nombre est faux, corrigez-le sous « Settings », et les notifications reprennent aussitôt. Si votre site a besoin de plus, répondez à ce message.
    .action = Voir mon site

push_ending = Les notifications push de { $site_name } seront bientôt désactivées
    .intro = Les notifications push de { $site_name } seront désactivées le { $until } : le site est passé à { $users } utilisateurs enregistrés, et le serveur push de { $hub } est limité aux sites qui en ont moins de { $max_users }.
    .advice = D’ici là, tout continue comme avant, mais le site ne reçoit plus de nouvelle clé d’accès. S’il a moins d’utilisateurs à cette date, les notifications restent actives : votre Moodle signale ce nombre de lui-même une fois par semaine, ou lorsque vous y cliquez sur « Mettre à jour l’enregistrement ». Si votre site a besoin de plus, répondez à ce message.
    .action = Voir mon site

push_on = Les notifications push de { $site_name } sont de nouveau actives
    .intro = Les notifications push de { $site_name } sont de nouveau actives. Vous n’avez rien à faire.
    .action = Voir mon site

## Access keys

key_requested = { $site_name } a demandé une autre clé d’accès
    .intro = Le Moodle de { $site_name } a demandé à { $hub } une autre clé d’accès et l’a reçue. La clé qu’il avait auparavant continue de fonctionner jusqu’au { $until }.
    .advice = Si vous ou quelqu’un de votre équipe avez cliqué sur « Demander une clef d’accès » dans Moodle, il n’y a rien à faire. Si personne ne l’a fait, quelqu’un d’autre connaît le secret de votre site : ouvrez les clés d’accès du site, révoquez la plus récente, émettez-en une autre et placez-la dans Moodle.
    .action = Voir les clés d’accès

key_ending = Une clé d’accès de { $site_name } prend bientôt fin
    .intro = Une clé d’accès de { $site_name } a été remplacée par une plus récente et prend fin le { $until }. Elle a été utilisée au cours des dernières 24 heures.
    .prefix = Clé d’accès
    .network = Dernière utilisation depuis
    .effect = Après cette date, tout ce qui l’utilise est refusé : les notifications envoyées depuis là n’arrivent plus.
    .advice = Placez la clé plus récente partout où se trouve l’ancienne : Moodle la garde sous Administration du site › Messagerie › Mobile. Si vous n’avez plus la clé plus récente, renouvelez celle-ci : la clé qui lui succède vous est montrée une seule fois.
    .action = Voir mes clés d’accès

key_old = Une clé d’accès de { $site_name } est ancienne
    .intro = Une clé d’accès de { $site_name } a été émise le { $since } et sert toujours.
    .prefix = Clé d’accès
    .calm = Il n’y a aucun problème. Une clé que l’on change de temps en temps fait moins de dégâts si quelqu’un l’a copiée.
    .advice = Le renouvellement ne fait perdre aucune notification : la nouvelle clé fonctionne aussitôt, et l’ancienne continue de fonctionner aussi longtemps que vous le choisissez, afin de laisser le temps de mettre la nouvelle à sa place.
    .action = Renouveler la clé

key_leaked = Une clé d’accès de { $site_name } a été trouvée et est révoquée
    .intro = Quelqu’un a signalé à { $hub } une clé d’accès de { $site_name } : elle se trouvait là où d’autres peuvent la lire.
    .prefix = Clé d’accès
    .place = Lieu indiqué :
    .effect = Elle est révoquée : désormais, elle est refusée partout, et les notifications envoyées avec elle n’arrivent pas.
    .advice = Émettez une nouvelle clé et placez-la dans Moodle. Cherchez comment l’ancienne a été divulguée, et retirez-la de cet endroit.
    .action = Émettre une nouvelle clé

key_revoked = Une clé d’accès de { $site_name } est révoquée
    .intro = L’équipe de { $hub } a révoqué une clé d’accès de { $site_name }. Désormais, elle est refusée, et les notifications envoyées avec elle n’arrivent pas.
    .prefix = Clé d’accès
    .reason = Le motif indiqué :
    .advice = Émettez une nouvelle clé et placez-la dans Moodle. Si vous ne comprenez pas pourquoi, répondez à ce message.
    .action = Émettre une nouvelle clé

## Abuse

suspended = { $site_name } est suspendu sur { $hub }
    .intro = L’équipe de { $hub } a suspendu { $site_name }. Ses notifications sont refusées jusqu’à la levée de la suspension.
    .reason = Le motif indiqué :
    .advice = Répondez à ce message si vous pensez que c’est une erreur, ou lorsque le problème est réglé.
    .action = Voir mon site

lifted = { $site_name } n’est plus suspendu
    .intro = L’équipe de { $hub } a levé la suspension de { $site_name }.
    .reason = Le motif indiqué :
    .effect = Ses clés d’accès fonctionnent de nouveau comme avant.
    .action = Voir mon site

case = À propos de { $site_name } sur { $hub }
    .action = Lire le dossier et répondre
    .closing = Vous pouvez répondre sur cette page ; l’équipe de { $hub } y lit votre réponse. Le numéro du dossier est { $number }.

case_answered = L’équipe de { $hub } vous a répondu à propos de { $site_name }
    .intro = L’équipe de { $hub } vous a répondu dans le dossier { $number }, qui concerne { $site_name } :
    .action = Lire le dossier et répondre

case_opened = Dossier { $number } : { $site_name }
    .intro = { $signal ->
        [rate_limited] Un dossier a été ouvert sur { $site_name } : un très grand nombre de ses notifications sont refusées parce qu’elles sont trop nombreuses.
        [unregistered] Un dossier a été ouvert sur { $site_name } : beaucoup de ses notifications vont à des appareils qui ne sont plus enregistrés.
        [flood] Un dossier a été ouvert sur { $site_name } : il inonde certains appareils.
        [enrolments] Un dossier a été ouvert sur { $site_name } : un très grand nombre d’appareils s’inscrivent en même temps.
        [enrolments_by_push] Un dossier a été ouvert sur { $site_name } : un très grand nombre d’appareils s’inscrivent par une notification qui leur est envoyée.
        [key_networks] Un dossier a été ouvert sur { $site_name } : l’une de ses clés d’accès est utilisée depuis de nombreux réseaux.
        [shared_token] Un dossier a été ouvert sur { $site_name } : il a un appareil que de très nombreux autres sites ont aussi.
        [oversize] Un dossier a été ouvert sur { $site_name } : beaucoup de ses notifications sont trop volumineuses.
        [beyond_users] Un dossier a été ouvert sur { $site_name } : il a bien plus d’appareils que ses utilisateurs ne pourraient en avoir.
        [reported] Un dossier a été ouvert sur { $site_name } : quelqu’un l’a signalé.
       *[staff] L’équipe a ouvert un dossier sur { $site_name }.
    }
    .action = Voir le dossier

appeal_arrived = Dossier { $number } : { $site_name } a répondu
    .intro = La personne qui s’occupe de { $site_name } a répondu dans le dossier { $number } :
    .action = Voir le dossier

notice = À propos de { $site_name } sur { $hub }
    .action = Voir mon site

## Drafts: what the team finds in the box, may change, and sends as the words of a case

draft-warn = Veuillez vérifier { $site_name } : ses notifications semblent anormales
    .intro = { $hub } achemine les notifications push de votre site { $site_name }. Nous y voyons quelque chose qui ne devrait pas se produire :
    .reason = Explication de l’équipe : { $reason }
    .effect = Rien n’est désactivé. Veuillez chercher d’où cela vient, et y mettre fin. Un plugin, une tâche programmée ou une clé d’accès en de mauvaises mains en sont les causes habituelles.
    .next = Dites-nous sur la page du dossier ce que vous avez trouvé, ou pourquoi tout va bien. Si cela continue sans nouvelles de votre part, nous devrons ralentir le site ou le suspendre, car Apple et Google bloqueraient sinon tous les sites de ce hub.

draft-limit = { $site_name } est ralenti sur { $hub }
    .intro = { $hub } achemine les notifications push de votre site { $site_name }. Nous y voyons quelque chose qui ne devrait pas se produire :
    .reason = Explication de l’équipe : { $reason }
    .effect = Désormais, nous n’acceptons qu’une petite partie de ses notifications. Les autres sont refusées.
    .until = Cela prend fin automatiquement : { $until }.
    .next = Veuillez chercher d’où cela vient, et y mettre fin. Dites-nous sur la page du dossier quand c’est réglé : nous lèverons alors aussitôt la limite.

draft-push_off = Les notifications push de { $site_name } sont désactivées
    .intro = { $hub } achemine les notifications push de votre site { $site_name }. Nous y voyons quelque chose qui ne devrait pas se produire :
    .reason = Explication de l’équipe : { $reason }
    .effect = Nous avons désactivé ses notifications push. Elles sont toutes refusées ; le reste de votre site ne change pas.
    .until = Cela prend fin automatiquement : { $until }.
    .next = Veuillez chercher d’où cela vient, et y mettre fin. Dites-nous sur la page du dossier quand c’est réglé : nous réactiverons alors les notifications.

draft-suspend = { $site_name } est suspendu sur { $hub }
    .intro = { $hub } achemine les notifications push de votre site { $site_name }. Nous y voyons quelque chose qui ne devrait pas se produire :
    .reason = Explication de l’équipe : { $reason }
    .effect = Nous avons suspendu le site. Ses notifications sont refusées, et il ne reçoit pas de clé d’accès, jusqu’à la levée de la suspension.
    .next = Si vous pensez que c’est une erreur, ou lorsque le problème est réglé, dites-le sur la page du dossier. Quelqu’un de l’équipe lit chaque réponse.

draft-lift = { $site_name } fonctionne de nouveau sur { $hub }
    .intro = Nous avons levé les mesures que nous avions dû prendre pour votre site { $site_name } : ses notifications push sont de nouveau acheminées comme avant.
    .reason = Explication de l’équipe : { $reason }
    .next = Merci de votre aide. Vous n’avez plus rien à faire.

draft-close = Le dossier sur { $site_name } est clos
    .intro = Nous avons examiné ce que notre hub avait remarqué au sujet de votre site { $site_name }, et nous avons clos le dossier.
    .reason = Explication de l’équipe : { $reason }
    .next = Vous n’avez rien de plus à faire.

sign-rate_limited = { $amount ->
        [one] { $amount } notification a été refusée parce qu’il y en avait trop (nous examinons cela à partir de { $threshold }).
       *[other] { $amount } notifications ont été refusées parce qu’il y en avait trop (nous examinons cela à partir de { $threshold }).
    }
sign-unregistered = { $amount } % de ses notifications sont allées à des appareils qui ne sont plus enregistrés (nous examinons cela à partir de { $threshold } %).
sign-flood = { $amount ->
        [one] { $amount } notification a été refusée parce qu’un même appareil en recevait trop (nous examinons cela à partir de { $threshold }).
       *[other] { $amount } notifications ont été refusées parce qu’un même appareil en recevait trop (nous examinons cela à partir de { $threshold }).
    }
sign-enrolments = { $amount ->
        [one] { $amount } appareil a été inscrit (nous examinons cela à partir de { $threshold }).
       *[other] { $amount } appareils ont été inscrits (nous examinons cela à partir de { $threshold }).
    }
sign-enrolments_by_push = { $amount ->
        [one] Une notification a été envoyée à { $amount } appareil que personne n’avait inscrit auparavant (nous examinons cela à partir de { $threshold }).
       *[other] Des notifications ont été envoyées à { $amount } appareils que personne n’avait inscrits auparavant (nous examinons cela à partir de { $threshold }).
    }
sign-key_networks = { $amount ->
        [one] Une clé d’accès a été utilisée depuis { $amount } réseau (nous examinons cela à partir de { $threshold }).
       *[other] Une clé d’accès a été utilisée depuis { $amount } réseaux différents (nous examinons cela à partir de { $threshold }).
    }
sign-shared_token = { $amount ->
        [one] Un de ses appareils est inscrit sur { $amount } site (nous examinons cela à partir de { $threshold }).
       *[other] Un de ses appareils est inscrit sur { $amount } sites (nous examinons cela à partir de { $threshold }).
    }
sign-oversize = { $amount ->
        [one] { $amount } notification était trop volumineuse pour être acheminée (nous examinons cela à partir de { $threshold }).
       *[other] { $amount } notifications étaient trop volumineuses pour être acheminées (nous examinons cela à partir de { $threshold }).
    }
sign-beyond_users = { $amount ->
        [one] Il a { $amount } appareil ; d’après le nombre d’utilisateurs qu’il nous a indiqué, { $threshold } au plus sont vraisemblables.
       *[other] Il a { $amount } appareils ; d’après le nombre d’utilisateurs qu’il nous a indiqué, { $threshold } au plus sont vraisemblables.
    }
sign-reported = { $amount ->
        [one] Il nous a été signalé { $amount } fois.
       *[other] Il nous a été signalé { $amount } fois.
    }
sign-staff = L’équipe l’a remarqué.
sign-between = { $from } – { $to } : { $sign }
