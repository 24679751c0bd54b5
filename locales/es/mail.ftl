# Las palabras de todos los correos. Véase locales/en/mail.ftl y docs/mail.md.

## Around every letter

hello = Hola, { $name }:
    .nobody = Hola:
about = Sobre este correo
    .site = Sitio
    .address = Dirección
open-link = O abra esta dirección:
signs-off = El equipo de { $hub }
optional = Recibe este correo porque se ocupa de un sitio en { $hub }. Si ya no desea recibir correos como este, puede cancelarlos aquí:
    .action = No recibir más estos correos
moment = { $day } de { $month ->
        [1] enero
        [2] febrero
        [3] marzo
        [4] abril
        [5] mayo
        [6] junio
        [7] julio
        [8] agosto
        [9] septiembre
        [10] octubre
        [11] noviembre
       *[12] diciembre
    } de { $year }, { $time } UTC

## Accounts

confirm = Confirme su dirección en { $hub }
    .intro = Ha registrado { $site_name } en { $hub }. Siga este enlace para confirmar su dirección de correo. Entrará directamente en su cuenta y verá el paso siguiente.
    .action = Confirmar mi dirección
    .once = { $hours ->
        [one] El enlace sirve una sola vez y durante { $hours } hora. Si no ha sido usted, no haga nada: sin el enlace no ocurre nada.
       *[other] El enlace sirve una sola vez y durante { $hours } horas. Si no ha sido usted, no haga nada: sin el enlace no ocurre nada.
    }

reset = Elija una contraseña nueva para { $hub }
    .intro = Alguien, probablemente usted, ha pedido una contraseña nueva para su cuenta en { $hub }. Siga este enlace para elegirla.
    .action = Elegir una contraseña nueva
    .once = { $hours ->
        [one] El enlace sirve una sola vez y durante { $hours } hora. Si no ha sido usted, no haga nada: su contraseña queda como está.
       *[other] El enlace sirve una sola vez y durante { $hours } horas. Si no ha sido usted, no haga nada: su contraseña queda como está.
    }

account_exists = Ya tiene una cuenta en { $hub }
    .intro = Alguien, probablemente usted, acaba de registrar un sitio en { $hub } con esta dirección de correo. La dirección ya tiene una cuenta, así que no se ha cambiado nada. Inicie sesión y registre el sitio desde allí.
    .action = Iniciar sesión
    .forgot = ¿Ha olvidado su contraseña? Elija una nueva:
    .reset = Elegir una contraseña nueva
    .ignore = Si no ha sido usted, no haga nada.

password_changed = Se ha cambiado su contraseña en { $hub }
    .intro = La contraseña de su cuenta en { $hub } acaba de cambiarse y se ha cerrado la sesión en los demás dispositivos. Si ha sido usted, todo está bien. Si no, elija de inmediato una contraseña nueva.
    .action = Elegir una contraseña nueva

new_login = Nuevo inicio de sesión en su cuenta de { $hub }
    .intro = Alguien ha iniciado sesión en su cuenta de { $hub } desde un lugar o con un navegador que no conocíamos.
    .when = Cuándo
    .address = Desde la dirección
    .agent = Con
    .advice = Si ha sido usted, todo está bien. Si no, elija de inmediato una contraseña nueva y cierre las sesiones que no conozca.
    .action = Ver mi cuenta

factor_changed = { $what ->
        [totp_on] Su cuenta en { $hub } pide ahora un código
        [totp_off] Su cuenta en { $hub } ya no pide un código
        [passkey_added] Se ha añadido una llave de acceso a su cuenta en { $hub }
        [passkey_removed] Se ha quitado una llave de acceso de su cuenta en { $hub }
        [recovery_new] Su cuenta en { $hub } tiene códigos de recuperación nuevos
        [recovery_used] Se ha usado un código de recuperación de su cuenta en { $hub }
       *[other] Ha cambiado la forma de iniciar sesión en { $hub }
    }
    .intro = { $what ->
        [totp_on] A partir de ahora, para iniciar sesión en su cuenta de { $hub } también hace falta un código de su aplicación de autenticación. Guarde sus códigos de recuperación en un lugar seguro: con ellos puede entrar sin el teléfono.
        [totp_off] A partir de ahora, para iniciar sesión en su cuenta de { $hub } ya no hace falta un código de una aplicación de autenticación.
        [passkey_added] Se ha añadido una llave de acceso (passkey) a su cuenta en { $hub }. A partir de ahora puede iniciar sesión con ella.
        [passkey_removed] Se ha quitado una llave de acceso (passkey) de su cuenta en { $hub }. Ya no sirve para iniciar sesión.
        [recovery_new] Se han creado códigos de recuperación nuevos para su cuenta en { $hub }. Los anteriores ya no sirven.
        [recovery_used] Alguien ha iniciado sesión en su cuenta de { $hub } con uno de sus códigos de recuperación. Ese código ya no sirve.
       *[other] Ha cambiado lo que hace falta para iniciar sesión en su cuenta de { $hub }.
    }
    .advice = Si ha sido usted, todo está bien. Si no, elija de inmediato una contraseña nueva, cierre las sesiones que no conozca y escriba al equipo del hub.
    .action = Ver mi cuenta

role_changed = { $role ->
        [none] Ya no forma parte del equipo de { $hub }
       *[other] Tiene otra función en el equipo de { $hub }
    }
    .intro = { $role ->
        [admin] Ahora tiene la función de administración en { $hub }: puede hacerlo todo allí, también cambiar funciones y ajustes.
        [reviewer] Ahora tiene la función de revisión en { $hub }: puede consultar los sitios y los casos y actuar sobre ellos.
        [analyst] Ahora tiene la función de análisis en { $hub }: puede consultar todo lo que ve el equipo, sin cambiar nada.
       *[none] Ya no forma parte del equipo de { $hub }. Su cuenta y sus sitios quedan como están.
    }
    .advice = Si no sabe por qué, responda a este correo.
    .action = Abrir el hub

staff_invited = Invitación al equipo de { $hub }
    .intro = { $role ->
        [admin] Se le invita a asumir la función de administración en { $hub }: podrá hacerlo todo allí, también cambiar funciones y ajustes.
        [reviewer] Se le invita a asumir la función de revisión en { $hub }: podrá consultar los sitios y los casos y actuar sobre ellos.
       *[analyst] Se le invita a asumir la función de análisis en { $hub }: podrá consultar todo lo que ve el equipo, sin cambiar nada.
    }
    .next = Siga este enlace para elegir una contraseña. Entrará directamente en su cuenta.
    .action = Elegir una contraseña
    .once = { $hours ->
        [one] El enlace sirve una sola vez y durante { $hours } hora. Si no esperaba este correo, no haga nada.
       *[other] El enlace sirve una sola vez y durante { $hours } horas. Si no esperaba este correo, no haga nada.
    }

account_erased = Su cuenta en { $hub } se ha borrado
    .intro = Su cuenta en { $hub } se ha borrado, tal como se solicitó. Hemos eliminado lo que sabíamos de usted. Este es el último correo que recibe de nosotros.
    .advice = Si no lo ha solicitado usted, responda a este correo.

## Sites

verified = { $site_name } está activo en { $hub }
    .intro = { $how ->
        [meta] La etiqueta en su página principal demuestra que { $site_name } es suyo. El sitio está activo. El paso siguiente es su clave de acceso.
        [file] El archivo en su servidor demuestra que { $site_name } es suyo. El sitio está activo. El paso siguiente es su clave de acceso.
        [dns] Su registro DNS demuestra que { $site_name } es suyo. El sitio está activo. El paso siguiente es su clave de acceso.
        [call] Una conexión desde su propio servidor demuestra que { $site_name } es suyo. El sitio está activo. El paso siguiente es su clave de acceso.
       *[staff] El equipo del hub ha comprobado que { $site_name } es suyo. El sitio está activo. El paso siguiente es su clave de acceso.
    }
    .action = Obtener la clave de acceso

moodle_registered = { $site_name } está registrado en { $hub }
    .intro = El Moodle { $site_name } se ha registrado en { $hub } y le nombra como persona de contacto.
    .next = { $held ->
        [yes] Queda en espera, porque otro registro tiene la misma dirección o el mismo secreto. Le informaremos de lo que se decida.
       *[no] No es necesario que haga nada.
    }
    .offer = Si sigue este enlace, el sitio tendrá en el hub una página que es suya: en ella verá lo que llega y lo que no, y podrá cambiar las claves de acceso y los ajustes.
    .action = Ver la página del sitio
    .once = { $days ->
        [one] El enlace sirve una sola vez y durante { $days } día. Si no sabe nada de este Moodle, no haga nada.
       *[other] El enlace sirve una sola vez y durante { $days } días. Si no sabe nada de este Moodle, no haga nada.
    }

joined = { $site_name } está unido a su Moodle
    .intro = { $site_name }, registrado en { $hub }, está unido a un Moodle que ha contactado con el hub desde ese sitio o que usted registró. A partir de ahora, ese Moodle puede pedir por sí mismo la clave de acceso del sitio.
    .advice = Si no ha sido usted ni nadie de su equipo, abra la página del sitio, revoque las claves que no conozca y escriba al equipo del hub.
    .action = Ver mi sitio

newcomer = ¿Sigue siendo este su sitio? { $site_name }
    .intro = { $same_address ->
        [yes] Otro Moodle quiere registrarse con la dirección de { $site_name } en { $hub }. Puede ser el suyo, instalado de nuevo, o el de otra persona.
       *[no] Un Moodle en otra dirección usa el registro de { $site_name } en { $hub }. Puede que su sitio se haya trasladado allí, o que aquel sea una copia, por ejemplo un sitio de pruebas.
    }
    .newcomer = El otro Moodle
    .meanwhile = { $may_decide ->
        [yes] Su registro y sus claves de acceso siguen funcionando como antes. El otro queda en espera hasta que decida usted o el equipo del hub.
       *[no] Su registro y sus claves de acceso siguen funcionando como antes. El otro queda en espera hasta que decida el equipo del hub. Si demuestra que la dirección es suya, podrá decidir usted.
    }
    .choice = { $same_address ->
        [yes] En la página de su sitio puede decir que es el suyo, o rechazarlo.
       *[no] En la página de su sitio puede decir que es el suyo, que es un sitio aparte, o rechazarlo.
    }
    .action = Decidir
    .seldom = Recibirá este aviso como mucho una vez al día.

decided = Acerca de { $site_name } en { $hub }
    .intro = { $outcome ->
        [moved] Se ha tomado una decisión sobre el registro de { $site_name } en { $hub }: se considera el mismo sitio que ya estaba registrado y continúa como tal.
        [separate] Se ha tomado una decisión sobre el registro de { $site_name } en { $hub }: es un sitio aparte.
       *[refused] Se ha tomado una decisión sobre el registro de { $site_name } en { $hub }: lo ha rechazado quien registró el sitio antes, o el equipo del hub.
    }
    .advice = Si no es correcto, responda a este correo y explique por qué.
    .action = Ver mis sitios

url_contested = Otra persona reclama { $site_name }
    .intro = Otra persona ha registrado la dirección de { $site_name } en { $hub } y ha demostrado que puede modificar ese sitio.
    .advice = Su registro sigue funcionando. Si ha sido alguien de su equipo, responda a este correo y díganoslo. Si no ha sido nadie de los suyos, alguien ha entrado en su Moodle o en su servidor: investíguelo.
    .action = Ver mi sitio

url_lost = { $site_name } está en espera en { $hub }
    .intro = Se ha demostrado que otro registro de la misma dirección pertenece a quien administra ese sitio. Su registro de { $site_name } en { $hub } está en espera y sus claves de acceso ya no funcionan.
    .advice = Si usted administra este sitio, responda a este correo y díganoslo. Si solo lo ha registrado por segunda vez, no es necesario que haga nada.
    .action = Ver mi sitio

url_free = { $site_name } ya se puede verificar
    .intro = El otro registro de { $site_name } ha dejado { $hub }. El suyo ya no está en espera: demuestre una vez más que el sitio es suyo, y quedará activo.
    .action = Verificar mi sitio

## Push

push_off = Las notificaciones push de { $site_name } están desactivadas
    .intro = Las notificaciones push de { $site_name } están desactivadas: el sitio tiene { $users } usuarios registrados, y el servidor push de { $hub } está limitado a sitios con menos de { $max_users }.
    .advice = Si el número no es correcto, corríjalo en «Settings», y las notificaciones se activarán de nuevo al instante. Si su sitio necesita más, responda a este correo.
    .action = Ver mi sitio

push_ending = Las notificaciones push de { $site_name } se desactivarán pronto
    .intro = Las notificaciones push de { $site_name } se desactivarán el { $until }: el sitio ha crecido hasta { $users } usuarios registrados, y el servidor push de { $hub } está limitado a sitios con menos de { $max_users }.
    .advice = Hasta entonces todo sigue como antes, pero el sitio no recibe claves de acceso nuevas. Si para esa fecha tiene menos usuarios, las notificaciones siguen activas: su Moodle comunica el número por sí mismo una vez por semana, o cuando usted pulsa allí «Actualizar registro». Si su sitio necesita más, responda a este correo.
    .action = Ver mi sitio

push_on = Las notificaciones push de { $site_name } están activas de nuevo
    .intro = Las notificaciones push de { $site_name } están activas de nuevo. No es necesario que haga nada.
    .action = Ver mi sitio

## Access keys

key_requested = { $site_name } ha pedido otra clave de acceso
    .intro = El Moodle de { $site_name } ha pedido a { $hub } otra clave de acceso y la ha recibido. La clave que tenía antes sigue funcionando hasta el { $until }.
    .advice = Si usted o alguien de su equipo pulsó en Moodle «Solicitar clave de acceso», no hay nada que hacer. Si no lo hizo nadie, alguien conoce el secreto de su sitio: abra las claves de acceso del sitio, revoque la más reciente, emita otra y póngala en Moodle.
    .action = Ver las claves de acceso

key_ending = Una clave de acceso de { $site_name } termina pronto
    .intro = Una clave de acceso de { $site_name } se sustituyó por otra más reciente y termina el { $until }. Se ha usado en las últimas 24 horas.
    .prefix = Clave de acceso
    .network = Último uso desde
    .effect = Después de esa fecha se rechaza todo lo que la use: las notificaciones enviadas desde allí ya no llegarán.
    .advice = Ponga la clave más reciente en cada lugar que tenga la antigua: Moodle la tiene en Administración del sitio › Mensajería › Móvil. Si ya no tiene la clave más reciente, rote esa misma clave: la que la sustituye se le muestra una sola vez.
    .action = Ver mis claves de acceso

key_old = Una clave de acceso de { $site_name } es antigua
    .intro = Una clave de acceso de { $site_name } se emitió el { $since } y sigue en uso.
    .prefix = Clave de acceso
    .calm = No hay ningún problema. Una clave que se cambia de vez en cuando hace menos daño si alguien la ha copiado.
    .advice = Al rotarla no se pierde ninguna notificación: la clave nueva funciona al instante y la antigua sigue funcionando el tiempo que usted elija, para que pueda poner la nueva en su lugar.
    .action = Rotar la clave

key_leaked = Se ha encontrado una clave de acceso de { $site_name } y está revocada
    .intro = Alguien ha comunicado a { $hub } una clave de acceso de { $site_name }: se encontró en un lugar donde otras personas pueden leerla.
    .prefix = Clave de acceso
    .place = Lugar indicado:
    .effect = Está revocada: a partir de ahora se rechaza en todas partes, y las notificaciones que se envíen con ella no llegan.
    .advice = Emita una clave nueva y póngala en Moodle. Averigüe cómo se filtró la antigua y retírela de donde se encontró.
    .action = Emitir una clave nueva

key_revoked = Una clave de acceso de { $site_name } está revocada
    .intro = El equipo de { $hub } ha revocado una clave de acceso de { $site_name }. A partir de ahora se rechaza, y las notificaciones que se envíen con ella no llegan.
    .prefix = Clave de acceso
    .reason = El motivo indicado:
    .advice = Emita una clave nueva y póngala en Moodle. Si no entiende el motivo, responda a este correo.
    .action = Emitir una clave nueva

## Abuse

suspended = { $site_name } está suspendido en { $hub }
    .intro = El equipo de { $hub } ha suspendido { $site_name }. Sus notificaciones se rechazan hasta que se levante la suspensión.
    .reason = El motivo indicado:
    .advice = Responda a este correo si cree que es un error, o cuando el asunto esté resuelto.
    .action = Ver mi sitio

lifted = { $site_name } ya no está suspendido
    .intro = El equipo de { $hub } ha levantado la suspensión de { $site_name }.
    .reason = El motivo indicado:
    .effect = Sus claves de acceso vuelven a funcionar como antes.
    .action = Ver mi sitio

case = Acerca de { $site_name } en { $hub }
    .action = Leer el caso y responder
    .closing = Puede responder en esa página; el equipo de { $hub } lo lee allí. El número del caso es { $number }.

case_answered = El equipo de { $hub } le ha respondido acerca de { $site_name }
    .intro = El equipo de { $hub } le ha respondido en el caso { $number }, que trata de { $site_name }:
    .action = Leer el caso y responder

case_opened = Caso { $number }: { $site_name }
    .intro = { $signal ->
        [rate_limited] Se ha abierto un caso sobre { $site_name }: se rechazan muchísimas de sus notificaciones porque son demasiadas.
        [unregistered] Se ha abierto un caso sobre { $site_name }: muchas de sus notificaciones van a dispositivos que ya no están registrados.
        [flood] Se ha abierto un caso sobre { $site_name }: inunda dispositivos concretos.
        [enrolments] Se ha abierto un caso sobre { $site_name }: se inscriben muchísimos dispositivos a la vez.
        [enrolments_by_push] Se ha abierto un caso sobre { $site_name }: muchísimos dispositivos se inscriben al recibir una notificación.
        [key_networks] Se ha abierto un caso sobre { $site_name }: una de sus claves de acceso se usa desde muchas redes.
        [shared_token] Se ha abierto un caso sobre { $site_name }: tiene un dispositivo que también tienen muchísimos otros sitios.
        [oversize] Se ha abierto un caso sobre { $site_name }: muchas de sus notificaciones son demasiado grandes.
        [beyond_users] Se ha abierto un caso sobre { $site_name }: tiene muchos más dispositivos de los que podrían tener sus usuarios.
        [reported] Se ha abierto un caso sobre { $site_name }: alguien lo ha denunciado.
       *[staff] El equipo ha abierto un caso sobre { $site_name }.
    }
    .action = Ver el caso

appeal_arrived = Caso { $number }: { $site_name } ha respondido
    .intro = Quien se ocupa de { $site_name } ha respondido en el caso { $number }:
    .action = Ver el caso

notice = Acerca de { $site_name } en { $hub }
    .action = Ver mi sitio

## Drafts: what the team finds in the box, may change, and sends as the words of a case

draft-warn = Revise { $site_name }: sus notificaciones no parecen normales
    .intro = { $hub } entrega las notificaciones push de su sitio { $site_name }. Vemos en él algo que no debería ocurrir:
    .reason = En palabras del equipo: { $reason }
    .effect = No se ha desactivado nada. Averigüe de dónde viene y deténgalo. Las causas habituales son un complemento (plugin), una tarea programada o una clave de acceso en malas manos.
    .next = Cuéntenos en la página del caso qué ha encontrado, o por qué todo está bien. Si continúa y no tenemos noticias suyas, tendremos que ralentizar o suspender el sitio, porque de lo contrario Apple y Google bloquearían todos los sitios de este hub.

draft-limit = { $site_name } está ralentizado en { $hub }
    .intro = { $hub } entrega las notificaciones push de su sitio { $site_name }. Vemos en él algo que no debería ocurrir:
    .reason = En palabras del equipo: { $reason }
    .effect = A partir de ahora solo aceptamos una pequeña parte de sus notificaciones. Las demás se rechazan.
    .until = Termina por sí solo: { $until }.
    .next = Averigüe de dónde viene y deténgalo. Avísenos en la página del caso cuando esté resuelto: entonces levantaremos el límite de inmediato.

draft-push_off = Las notificaciones push de { $site_name } están desactivadas
    .intro = { $hub } entrega las notificaciones push de su sitio { $site_name }. Vemos en él algo que no debería ocurrir:
    .reason = En palabras del equipo: { $reason }
    .effect = Hemos desactivado sus notificaciones push. Se rechazan todas; lo demás de su sitio queda como está.
    .until = Termina por sí solo: { $until }.
    .next = Averigüe de dónde viene y deténgalo. Avísenos en la página del caso cuando esté resuelto: entonces activaremos de nuevo las notificaciones.

draft-suspend = { $site_name } está suspendido en { $hub }
    .intro = { $hub } entrega las notificaciones push de su sitio { $site_name }. Vemos en él algo que no debería ocurrir:
    .reason = En palabras del equipo: { $reason }
    .effect = Hemos suspendido el sitio. Sus notificaciones se rechazan y no recibe claves de acceso hasta que se levante la suspensión.
    .next = Si cree que es un error, o cuando el asunto esté resuelto, díganoslo en la página del caso. Alguien del equipo lee cada respuesta.

draft-lift = { $site_name } funciona de nuevo en { $hub }
    .intro = Hemos levantado las medidas que tuvimos que tomar sobre su sitio { $site_name }: sus notificaciones push se entregan como antes.
    .reason = En palabras del equipo: { $reason }
    .next = Gracias por su ayuda. No es necesario que haga nada más.

draft-close = El caso sobre { $site_name } está cerrado
    .intro = Hemos examinado lo que nuestro hub había notado en su sitio { $site_name } y hemos cerrado el caso.
    .reason = En palabras del equipo: { $reason }
    .next = No es necesario que haga nada más.

sign-rate_limited = { $amount ->
        [one] Se rechazó { $amount } notificación porque había demasiadas (lo examinamos a partir de { $threshold }).
       *[other] Se rechazaron { $amount } notificaciones porque eran demasiadas (lo examinamos a partir de { $threshold }).
    }
sign-unregistered = El { $amount } % de sus notificaciones fue a dispositivos que ya no están registrados (lo examinamos a partir del { $threshold } %).
sign-flood = { $amount ->
        [one] Se rechazó { $amount } notificación porque un mismo dispositivo recibía demasiadas (lo examinamos a partir de { $threshold }).
       *[other] Se rechazaron { $amount } notificaciones porque un mismo dispositivo recibía demasiadas (lo examinamos a partir de { $threshold }).
    }
sign-enrolments = { $amount ->
        [one] Se inscribió { $amount } dispositivo (lo examinamos a partir de { $threshold }).
       *[other] Se inscribieron { $amount } dispositivos (lo examinamos a partir de { $threshold }).
    }
sign-enrolments_by_push = { $amount ->
        [one] Se envió una notificación a { $amount } dispositivo que nadie había inscrito antes (lo examinamos a partir de { $threshold }).
       *[other] Se enviaron notificaciones a { $amount } dispositivos que nadie había inscrito antes (lo examinamos a partir de { $threshold }).
    }
sign-key_networks = { $amount ->
        [one] Una clave de acceso se usó desde { $amount } red (lo examinamos a partir de { $threshold }).
       *[other] Una clave de acceso se usó desde { $amount } redes distintas (lo examinamos a partir de { $threshold }).
    }
sign-shared_token = { $amount ->
        [one] Uno de sus dispositivos está inscrito en { $amount } sitio (lo examinamos a partir de { $threshold }).
       *[other] Uno de sus dispositivos está inscrito en { $amount } sitios (lo examinamos a partir de { $threshold }).
    }
sign-oversize = { $amount ->
        [one] { $amount } notificación era demasiado grande para entregarla (lo examinamos a partir de { $threshold }).
       *[other] { $amount } notificaciones eran demasiado grandes para entregarlas (lo examinamos a partir de { $threshold }).
    }
sign-beyond_users = { $amount ->
        [one] Tiene { $amount } dispositivo; según los usuarios que nos ha comunicado, lo probable es que sean { $threshold } como mucho.
       *[other] Tiene { $amount } dispositivos; según los usuarios que nos ha comunicado, lo probable es que sean { $threshold } como mucho.
    }
sign-reported = { $amount ->
        [one] Nos lo han denunciado { $amount } vez.
       *[other] Nos lo han denunciado { $amount } veces.
    }
sign-staff = El equipo lo ha observado.
sign-between = { $from } – { $to }: { $sign }
