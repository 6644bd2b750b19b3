use super::*;

fn call(line: &str) -> Result<Call, UsageError> {
    parse(
        line.split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| word.replace('\'', "").into())
            .collect(),
    )
}

#[test]
fn command_lines() {
    let some = |text: &str| Some(text.to_owned());
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let none = Call::default;
    let cases = [
        ("", none()),
        ("ann bob", Call { recipients: words(&["ann", "bob"]), ..none() }),
        ("-t", Call { read_recipients: true, ..none() }),
        ("-i ann", Call { ignore_dots: true, recipients: words(&["ann"]), ..none() }),
        ("-oi -t", Call { ignore_dots: true, read_recipients: true, ..none() }),
        ("-o i -t", Call { ignore_dots: true, read_recipients: true, ..none() }),
        ("-ti", Call { ignore_dots: true, read_recipients: true, ..none() }),
        ("-odb -oem -om -oee ann", Call { recipients: words(&["ann"]), ..none() }),
        ("-fuser", Call { sender: some("user"), ..none() }),
        ("-f user", Call { sender: some("user"), ..none() }),
        ("-r user", Call { sender: some("user"), ..none() }),
        ("-f <>", Call { sender: some("<>"), ..none() }),
        ("-f '' ann", Call { sender: some(""), recipients: words(&["ann"]), ..none() }),
        (
            "-tif user ann",
            Call {
                read_recipients: true,
                ignore_dots: true,
                sender: some("user"),
                recipients: words(&["ann"]),
                ..none()
            },
        ),
        ("-F Ann -bm", Call { full_name: some("Ann"), ..none() }),
        ("-FAnn", Call { full_name: some("Ann"), ..none() }),
        ("-bs", Call { mode: Mode::Smtp, ..none() }),
        ("-bp", Call { mode: Mode::Queue, ..none() }),
        ("-bi", Call { mode: Mode::Aliases, ..none() }),
        ("-I", Call { mode: Mode::Aliases, ..none() }),
        ("-q", Call { mode: Mode::Flush, ..none() }),
        ("-qf", Call { mode: Mode::Flush, ..none() }),
        ("-qRexample.net", Call { mode: Mode::Flush, ..none() }),
        ("-v ann", Call { verbose: true, recipients: words(&["ann"]), ..none() }),
        ("-- -ann -t", Call { recipients: words(&["-ann", "-t"]), ..none() }),
        ("ann -i", Call { ignore_dots: true, recipients: words(&["ann"]), ..none() }),
        ("-", Call { recipients: words(&["-"]), ..none() }),
        (
            "-B8BITMIME -N never -R hdrs -O DeliveryMode=b -d21.3 -X /dev/null -n -m -U -G -Am -h 5",
            none(),
        ),
        ("-V id -L tag -p smtp:here -em", none()),
        ("--help", Call { mode: Mode::Help, ..none() }),
    ];
    for (line, expected) in cases {
        assert_eq!(call(line), Ok(expected), "{line}");
    }
}

#[test]
fn refused_command_lines() {
    let cases = [
        ("-bd", "postrider serve"),
        ("-bD", "postrider serve"),
        ("-q30m", "own schedule"),
        ("-bd -q30m", "postrider serve"),
        ("-bt", "no rewriting rules"),
        ("-bv ann", "verified"),
        ("-bx", "no such mode"),
        ("-b", "no such mode"),
        ("-C /etc/mail.cf", "POSTRIDER_CONFIG"),
        ("-Z", "not an option"),
        ("-é", "not an option"),
        ("-f", "needs an argument"),
        ("--verbose", "not an option"),
    ];
    for (line, reason) in cases {
        let UsageError(text) = call(line).unwrap_err();
        assert!(text.contains(reason), "{line}: {text}");
    }
    use std::os::unix::ffi::OsStringExt;
    assert!(parse(vec![OsString::from_vec(vec![0xff])]).is_err());
}

#[test]
fn each_option_stands_once_and_is_taught_or_ignored() {
    for (n, (letter, ..)) in OPTIONS.iter().enumerate() {
        assert!(OPTIONS.iter().skip(n + 1).all(|(other, ..)| other != letter), "-{letter}");
    }
    assert!(help().contains("-t ") && help().contains("-N"));
}
