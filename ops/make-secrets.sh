#!/bin/sh
# Makes what docker-compose.yml needs to trust and be trusted, in ./secrets or the folder given:
# an authority, a certificate for each server and each of Kafka's users, a password for each of
# Redis's users, and Redis's list of users. What is there already stays; to renew something, delete
# it and run this again. Needs openssl.
#
# The folder is its owner's alone. The files in it are readable by all, because the containers that
# are given one run as users of their own. skyfence takes them because the folder is closed, and in a
# container because they lie below /run/secrets (docs/security.md).
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../secrets}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

key() {
  rm -f "$1" # as it was left it cannot be written over
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
}

authority() {
  [ -e ca.pem ] && return
  key ca.key
  openssl req -x509 -new -key ca.key -subj /CN=skyfence-authority -days 3650 -out ca.pem \
    -addext keyUsage=critical,keyCertSign,cRLSign
}

# certificate NAME ADDRESSES: two years and a quarter, as long as clients commonly accept
certificate() {
  [ -e "$1.pem" ] && return
  key "$1.key"
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature'
    echo 'subjectKeyIdentifier=hash'
    echo 'authorityKeyIdentifier=keyid'
    echo "subjectAltName=$2"
  } > "$scratch/extensions"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$scratch/request"
  openssl x509 -req -in "$scratch/request" -CA ca.pem -CAkey ca.key -days 825 -out "$1.pem" \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$scratch/extensions" 2>/dev/null
}

password() {
  [ -e "$1" ] || openssl rand -hex 32 > "$1"
}

authority
certificate kafka DNS:kafka,DNS:localhost,IP:127.0.0.1
certificate valkey DNS:valkey,DNS:localhost,IP:127.0.0.1
cat kafka.key kafka.pem > "$scratch/keystore" && mv -f "$scratch/keystore" kafka-keystore.pem
cp "$here/valkey/users.acl" "$scratch/users.acl"
for world in actual exercise; do
  for role in producer worker relay monitor desk sink; do
    certificate "$world-$role" "DNS:$world-$role"
  done
done
for user in $(sed -n 's/.*#{\(.*\)}.*/\1/p' "$here/valkey/users.acl"); do
  password "$user.password"
  digest=$(tr -d '\n' < "$user.password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
  sed "s/#{$user}/#$digest/" "$scratch/users.acl" > "$scratch/next"
  mv "$scratch/next" "$scratch/users.acl"
done
mv -f "$scratch/users.acl" users.acl
password grafana-admin-password
chmod 444 ./*
chmod 400 ca.key
