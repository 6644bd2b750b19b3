//! The keys of `mail.toml` in words: the manual page is made from this.

/// A key, its default or an example, and what it means.
pub type Key = (&'static str, &'static str, &'static str);

/// All keys at the top of the file.
pub const KEYS: [Key; 34] = [
    (
        "from",
        "\"Ann Archer <ann@example.net>\"",
        "Who writes; several with commas. Default: your login at this host, with your full name.",
    ),
    ("reply-to", "\"ann@example.org\"", "Where answers shall go. Default: no such field."),
    (
        "own-addresses",
        "[\"ann@example.org\"]",
        "Your other addresses: an answer to all does not go to them.",
    ),
    (
        "signature",
        "\"~/.signature\"",
        "The file whose text stands below each letter you type. Default: none.",
    ),
    ("signature-text", "\"Ann\"", "A text to stand there instead."),
    ("user-agent", "true", "Say in each letter which program wrote it."),
    ("ask-subject", "true", "Ask for the subject when none is given."),
    ("ask-cc", "true", "Ask for copies at the end."),
    ("ask-bcc", "false", "Ask for blind copies at the end."),
    ("flowed", "false", "Write text that others may fit to their windows (format=flowed)."),
    (
        "binary",
        "false",
        "Send files as the octets they are, a quarter shorter, where the server takes them (BINARYMIME); elsewhere, and in files of yours, as base64.",
    ),
    (
        "require-tls",
        "false",
        "Send letters only where every host on their way is reached over TLS (RFC 8689). Needs a [submission] server that offers it. For one that need not be: -C 'TLS-Required: No'.",
    ),
    ("part-size", "0", "Send a letter of more octets than this in parts; 0: never."),
    ("editor", "\"ed\"", "The editor of ~e. Default: $EDITOR, $VISUAL, vi."),
    ("visual", "\"vi\"", "The editor of ~v. Default: $VISUAL, $EDITOR, vi."),
    (
        "pager",
        "\"less\"",
        "Shows text longer than the screen; empty: nothing does. Default: $PAGER, more.",
    ),
    ("prompt", "\"& \"", "The prompt for commands."),
    ("quote", "\"> \"", "What stands before each line of a letter that is quoted."),
    (
        "attribution",
        "\"On {date}, {from} wrote:\"",
        "The line above a quotation; {subject} is known too.",
    ),
    ("quote-answers", "false", "Quote a letter when you answer it."),
    ("forward-inline", "false", "Forward letters inside the text, not attached."),
    ("flip-reply", "false", "Let reply answer the author only, and Reply all."),
    (
        "inbox",
        "\"~/Maildir\"",
        "Where your mail is. Default: $MAIL, else where the service delivers, else /var/mail.",
    ),
    ("folders", "\"~/Mail\"", "The directory that + stands for."),
    ("mbox", "\"~/mbox\"", "The folder that & stands for."),
    ("record", "\"+sent\"", "A folder for copies of the letters you send. Default: none."),
    ("drafts", "\"+drafts\"", "A folder for letters you have not finished."),
    ("dead-letter", "\"~/dead.letter\"", "Where a letter goes that could not be sent."),
    ("new-maildirs", "false", "Make new folders Maildirs, not mboxes."),
    (
        "hold",
        "true",
        "Keep letters you have read in the inbox; false: quit moves them to mbox, as POSIX has it.",
    ),
    ("order", "\"arrival\"", "The order of lists: \"arrival\" or \"threads\"."),
    (
        "shown-fields",
        "[\"From\", \"To\", \"Cc\", \"Reply-To\", \"Subject\", \"Date\"]",
        "The fields that print shows.",
    ),
    ("screen", "false", "Begin in the full-screen view."),
    ("list-lines", "0", "The lines of a list; 0: what fits on the screen."),
];

/// The tables below them.
pub const TABLES: [Key; 11] = [
    (
        "[alias]",
        "team = [\"ann@example.net\", \"bob\"]",
        "Names that stand for addresses or other names: one text with commas, or a list.",
    ),
    (
        "[submission]",
        "server = \"mail.example.net\"",
        "A server that takes your letters, with or without a port, instead of the mail service of this machine. A letter that it does not take is kept in dead.letter; it is never sent another way.",
    ),
    (
        "[submission] tls",
        "\"implicit\"",
        "TLS from the first octet (port 465); \"starttls\": STARTTLS or nothing (port 587); \"none\": for a server on this machine only. The server's certificate must be good and have its name.",
    ),
    (
        "[submission] roots",
        "\"~/ca.pem\"",
        "A file of the only authorities whose certificates count. Default: those of the system.",
    ),
    ("[submission] login", "\"ann\"", "Your name there. Default: no login."),
    (
        "[submission] secret-file",
        "\"~/.config/postrider/secret\"",
        "A file whose first line is the password or token; only you may read it (0600).",
    ),
    (
        "[submission] secret-command",
        "\"pass show mail\"",
        "A shell command that says it, in place of the file.",
    ),
    (
        "[submission] secret",
        "\"password\"",
        "What it is: \"password\", or \"token\" for OAUTHBEARER and XOAUTH2.",
    ),
    (
        "[submission] mechanisms",
        "[\"SCRAM-SHA-256\", \"PLAIN\"]",
        "Only these. Default: the strongest that the server offers; one that shows the secret is used under TLS only.",
    ),
    ("[fields]", "X-Mood = \"fine\"", "More fields for each letter."),
    (
        "[account.NAME]",
        "from = \"a.archer@example.org\"",
        "Another of your selves, chosen with -A NAME; it may have from, reply-to, signature, signature-text, record, inbox and a table [account.NAME.submission].",
    ),
];
