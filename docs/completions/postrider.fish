# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_postrider_global_optspecs
    string join \n h/help V/version
end

function __fish_postrider_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_postrider_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_postrider_using_subcommand
    set -l cmd (__fish_postrider_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c postrider -n "__fish_postrider_needs_command" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_needs_command" -s V -l version -d 'Print version'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "serve" -d 'Run the mail system: listeners, queue, delivery'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "check" -d 'Check the configuration, and tell what is wrong and what to do'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "reload" -d 'Let the running server read its configuration anew'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "explain" -d 'Explain what would become of a letter, and why'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "test" -d 'Play cases with the configuration: given, when, then'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "trace" -d 'Draw the whole life of a letter as a time line'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "why" -d 'Say where a letter is and why, or what became of those of an address'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "config" -d 'Show the configuration key by key'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "sendmail" -d 'Send a letter as programs do (also as `sendmail`)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "newaliases" -d 'Kept for scripts: aliases need no rebuilding (also as `newaliases`)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "conformance" -d 'Ask any SMTP server for the rules of the standards'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "account" -d 'Say who may log in'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "queue" -d 'Look at the queue, and work with it'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "fetch" -d 'Ask the hosts that keep mail for us'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "etrn" -d 'Have a host send what it keeps for us (ETRN)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "table" -d 'What a table of the configuration says of a key'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "spool" -d 'Look after the spool'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "pages" -d 'Write the manual pages and the completions of shells'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "mail" -d 'Compose and send a letter (also as `mail`, `mailx`)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "mailq" -d 'What waits in the queue, and why (also as `mailq`)'
complete -c postrider -n "__fish_postrider_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand serve" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand serve" -l quarantine -d 'Start with a damaged spool: leave out what cannot be read, and put its files aside'
complete -c postrider -n "__fish_postrider_using_subcommand serve" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand check" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand check" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand reload" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand reload" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand reload" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand explain" -l from -d 'The reverse-path; else the null one, <>' -r
complete -c postrider -n "__fish_postrider_using_subcommand explain" -l client -d 'The address of who brings the letter; else a stranger\'s' -r
complete -c postrider -n "__fish_postrider_using_subcommand explain" -l login -d 'As whom its author has logged in' -r
complete -c postrider -n "__fish_postrider_using_subcommand explain" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand explain" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand explain" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand test" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand test" -l json -d 'One JSON list instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand test" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand trace" -l rcpt -d 'Only what concerns this recipient' -r
complete -c postrider -n "__fish_postrider_using_subcommand trace" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand trace" -l json -d 'One JSON object for each line'
complete -c postrider -n "__fish_postrider_using_subcommand trace" -s f -l follow -d 'Go on with new lines as they come, until the letter has its end'
complete -c postrider -n "__fish_postrider_using_subcommand trace" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand why" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand why" -l json -d 'One JSON object for each paragraph'
complete -c postrider -n "__fish_postrider_using_subcommand why" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from show diff reload help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from show diff reload help" -f -a "show" -d 'What each key is, and where that stands'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from show diff reload help" -f -a "diff" -d 'What the file says against what the running server goes by'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from show diff reload help" -f -a "reload" -d 'The same as `postrider reload`'
complete -c postrider -n "__fish_postrider_using_subcommand config; and not __fish_seen_subcommand_from show diff reload help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -l changed -d 'Only what the file says differently from the default'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'One JSON list instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from diff" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from diff" -l json -d 'One JSON list instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from reload" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from reload" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'What each key is, and where that stands'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "diff" -d 'What the file says against what the running server goes by'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "reload" -d 'The same as `postrider reload`'
complete -c postrider -n "__fish_postrider_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l recipient -d 'A mailbox of that server which may get letters' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l sender -d 'The reverse-path; else postmaster at our name' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l foreign -d 'An address elsewhere that the server must not relay to; nothing is sent to it' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l name -d 'Our name for EHLO; else the name of this host' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l row -d 'Only rows whose id begins so; may stand there several times' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l timeout -d 'The longest wait for one reply, in seconds' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l title -d 'What the page calls the server' -r
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l intrusive -d 'Also what costs the server more than a dialogue'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l slow -d 'Also what takes minutes'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l strict -d 'Advice that is not followed counts as broken, too'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -l markdown -d 'A page instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand conformance" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "add" -d 'Add an account'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "passwd" -d 'Set another password'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "list" -d 'List the accounts'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "remove" -d 'Remove an account'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "disable" -d 'Let an account log in no longer, and keep it'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "enable" -d 'Let a disabled account log in again'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "grant" -d 'Let an account send as further addresses'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "revoke" -d 'Take back what `grant` gave'
complete -c postrider -n "__fish_postrider_using_subcommand account; and not __fish_seen_subcommand_from add passwd list remove disable enable grant revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -l name -d 'The owner\'s name, for people' -r
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -l address -d 'An address it may send as: ADDRESS, *@DOMAIN for all of a domain, or * for any; may be given several times' -r
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -l password-file -d 'The first line of FILE is the password; - is standard input' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -l generate -d 'Make a strong password, and print it'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from passwd" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from passwd" -l password-file -d 'The first line of FILE is the password; - is standard input' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from passwd" -l generate -d 'Make a strong password, and print it'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from passwd" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from list" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'One JSON list instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from remove" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from disable" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from enable" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from grant" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from grant" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from revoke" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add an account'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "passwd" -d 'Set another password'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the accounts'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove an account'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "disable" -d 'Let an account log in no longer, and keep it'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "enable" -d 'Let a disabled account log in again'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "grant" -d 'Let an account send as further addresses'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Take back what `grant` gave'
complete -c postrider -n "__fish_postrider_using_subcommand account; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "list" -d 'List what waits, and why'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "show" -d 'Show one letter whole'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "hold" -d 'Keep letters from being tried, until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "release" -d 'Let held letters go, now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "retry" -d 'Try letters now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "remove" -d 'Remove letters, and tell nobody'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "expire" -d 'Return letters to their senders now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "reroute" -d 'Send letters another way than the configuration says'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "suspend" -d 'Try nothing of a domain or queue, and keep its mail'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "resume" -d 'Try a suspended domain or queue again'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "stats" -d 'Count what waits, by domain and age'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and not __fish_seen_subcommand_from list show hold release retry remove expire reroute suspend resume stats help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l limit -d 'At most so many' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -l content -d 'Write its octets and nothing else'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -l report -d 'Return them to their senders'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from expire" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l to -d 'The transport' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l all -d 'All letters that fit; needed where nothing else chooses'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -s y -l yes -d 'Do it, without asking'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -s q -l quiet -d 'Say only how many'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -l configured -d 'As the configuration says'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from reroute" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from suspend" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from suspend" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from suspend" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from suspend" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from resume" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from resume" -l why -d 'Why; it is kept in the log, and shown to other operators' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from resume" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l id -d 'The same' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l domain -d 'For recipients of this domain; .DOMAIN for all below it' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l sender -d 'From this address; \'@DOMAIN\' for all of a domain, * for anything, \'<>\' for reports' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l recipient -d 'For this address, written so as well' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l older -d 'Came at least so long ago, like 30m, 4h or 2d' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l newer -d 'Came less than so long ago' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l reason -d 'The last attempt failed with these words' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l queue -d 'In this queue, like mx:example.org, local or \'smtp:[hub.example.net]:25\'' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l state -d 'In this state' -r -f -a "active\t'Being tried, or in line for it'
deferred\t'Waiting for the next attempt'
held\t'Held by an operator'"
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l top -d 'At most so many domains; 0 is all' -r
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l json -d 'One JSON object a line instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -l sender-domains -d 'Count letters by the domains of their senders'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "list" -d 'List what waits, and why'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one letter whole'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "hold" -d 'Keep letters from being tried, until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "release" -d 'Let held letters go, now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Try letters now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove letters, and tell nobody'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "expire" -d 'Return letters to their senders now'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "reroute" -d 'Send letters another way than the configuration says'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "suspend" -d 'Try nothing of a domain or queue, and keep its mail'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Try a suspended domain or queue again'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "stats" -d 'Count what waits, by domain and age'
complete -c postrider -n "__fish_postrider_using_subcommand queue; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand fetch" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand fetch" -l json -d 'One JSON object for each host'
complete -c postrider -n "__fish_postrider_using_subcommand fetch" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand etrn" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand etrn" -l json -d 'One JSON object'
complete -c postrider -n "__fish_postrider_using_subcommand etrn" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand table" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand table" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand table" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and not __fish_seen_subcommand_from verify help" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and not __fish_seen_subcommand_from verify help" -f -a "verify" -d 'Read every segment and check every checksum; changes nothing'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and not __fish_seen_subcommand_from verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from verify" -s C -l config -d 'The configuration; else $POSTRIDER_CONFIG, else /etc/postrider/postrider.toml, else a safe local profile' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from verify" -l data-dir -d 'The data directory, instead of the configuration\'s' -r -f -a "(__fish_complete_directories)"
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from verify" -l json -d 'One JSON object instead of text'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Read every segment and check every checksum; changes nothing'
complete -c postrider -n "__fish_postrider_using_subcommand spool; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand pages" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s s -l subject -d 'What it is about' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s c -l cc -d 'Who gets a copy; several with commas between' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s b -l bcc -d 'Who gets a copy without the others knowing' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s a -l attach -d 'A file that goes with the letter; may be said again' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s r -l from -d 'Write as this address instead of your own; several with commas between' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -l reply-to -d 'Where answers shall go' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s C -l field -d 'One more field: \'X-Mood: fine\'; may be said again' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s q -l quote-file -d 'Begin with the text of this file' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s M -l media-type -d 'The input is a text of this type: text/html' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -l parts -d 'Send a letter larger than this in parts (message/partial): 500k, 10M' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s f -l folder -d 'Read this folder; without a name, your mbox' -r -F
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s u -l user -d 'Read the mailbox of this user' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s X -l command -d 'A command to begin with; may be said again' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s A -l account -d 'Be another of your selves in mail.toml' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s S -l set -d 'Set one key of mail.toml: quote=\'| \'; may be said again' -r
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s t -l take-fields -d 'Recipients, subject and other fields stand above the text'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s E -l skip-empty -d 'Send nothing when there is no text'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s ~ -l tilde -d 'Obey tilde commands also when nobody types'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s F -l file-copy -d 'Keep a copy in a folder named after the first recipient'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -l require-tls -d 'Only where every host on the way is reached over TLS (REQUIRETLS)'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -l flowed -d 'Write text that others may fit to their windows (format=flowed)'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s v -l verbose -d 'Show the dialogue with the mail service as it happens, and when each line came'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s H -l headers -d 'Only list the letters'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s e -l exists -d 'Only tell by the exit code whether there is mail'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s N -l no-list -d 'Do not begin with the list'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s R -l read-only -d 'Change nothing in the folder'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -l screen -d 'Begin in the full-screen view'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s n -l no-settings -d 'Do not read mail.toml'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s i -l ignore-interrupts -d 'Accepted for scripts: Ctrl-C never ends a letter that is being written at once'
complete -c postrider -n "__fish_postrider_using_subcommand mail" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand mailq" -l json -d 'One JSON object for each letter, one on each line'
complete -c postrider -n "__fish_postrider_using_subcommand mailq" -s h -l help -d 'Print help'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "serve" -d 'Run the mail system: listeners, queue, delivery'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "check" -d 'Check the configuration, and tell what is wrong and what to do'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "reload" -d 'Let the running server read its configuration anew'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "explain" -d 'Explain what would become of a letter, and why'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "test" -d 'Play cases with the configuration: given, when, then'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "trace" -d 'Draw the whole life of a letter as a time line'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "why" -d 'Say where a letter is and why, or what became of those of an address'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "config" -d 'Show the configuration key by key'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "sendmail" -d 'Send a letter as programs do (also as `sendmail`)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "newaliases" -d 'Kept for scripts: aliases need no rebuilding (also as `newaliases`)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "conformance" -d 'Ask any SMTP server for the rules of the standards'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "account" -d 'Say who may log in'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "queue" -d 'Look at the queue, and work with it'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "fetch" -d 'Ask the hosts that keep mail for us'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "etrn" -d 'Have a host send what it keeps for us (ETRN)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "table" -d 'What a table of the configuration says of a key'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "spool" -d 'Look after the spool'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "pages" -d 'Write the manual pages and the completions of shells'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "mail" -d 'Compose and send a letter (also as `mail`, `mailx`)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "mailq" -d 'What waits in the queue, and why (also as `mailq`)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and not __fish_seen_subcommand_from serve check reload explain test trace why config sendmail newaliases conformance account queue fetch etrn table spool pages mail mailq help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'What each key is, and where that stands'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "diff" -d 'What the file says against what the running server goes by'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "reload" -d 'The same as `postrider reload`'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "add" -d 'Add an account'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "passwd" -d 'Set another password'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "list" -d 'List the accounts'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "remove" -d 'Remove an account'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "disable" -d 'Let an account log in no longer, and keep it'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "enable" -d 'Let a disabled account log in again'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "grant" -d 'Let an account send as further addresses'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from account" -f -a "revoke" -d 'Take back what `grant` gave'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "list" -d 'List what waits, and why'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "show" -d 'Show one letter whole'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "hold" -d 'Keep letters from being tried, until they are released'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "release" -d 'Let held letters go, now'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "retry" -d 'Try letters now'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "remove" -d 'Remove letters, and tell nobody'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "expire" -d 'Return letters to their senders now'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "reroute" -d 'Send letters another way than the configuration says'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "suspend" -d 'Try nothing of a domain or queue, and keep its mail'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "resume" -d 'Try a suspended domain or queue again'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from queue" -f -a "stats" -d 'Count what waits, by domain and age'
complete -c postrider -n "__fish_postrider_using_subcommand help; and __fish_seen_subcommand_from spool" -f -a "verify" -d 'Read every segment and check every checksum; changes nothing'
