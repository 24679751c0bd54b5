#!/bin/sh
# Times the console's pages: time.sh http://127.0.0.1:8080 'belfry=<session cookie of a reviewer>'
# For each: the time to the first byte and to the last, of the second of two tries.
set -eu
base=$1 cookie=$2
for path in \
    /staff /staff/sites '/staff/sites?sort=oldest' '/staff/sites?sort=name' '/staff/sites?sort=users' '/staff/sites?sort=users_up' \
    '/staff/sites?state=active&sort=name' '/staff/sites?state=suspended&sort=users' '/staff/sites?push=off' '/staff/sites?push=staff' '/staff/sites?push=over_user_limit' \
    '/staff/sites?proof=none&sort=name' '/staff/sites?country=ES' '/staff/sites?country=JP' '/staff/sites?users_from=60000' \
    '/staff/sites?from=2024-06-01&to=2024-06-02' '/staff/sites?over=1' '/staff/sites?never_called=1' '/staff/sites?held=waiting' \
    '/staff/sites?case=1' '/staff/sites?own_limits=1' '/staff/sites?q=moodle1234' '/staff/sites?q=nowhere' '/staff/sites?q=school&sort=name' \
    '/staff/search?q=moodle299999' '/staff/search?q=admin123' '/staff/search?q=nowhere' '/staff/sites.csv?state=suspended' /staff/sites.csv
do
    for _ in 1 2; do
        line=$(curl -s -o /dev/null -H "Cookie: $cookie" -w '%{http_code} %{time_starttransfer} %{time_total}' "$base$path")
    done
    echo "$line $path"
done
