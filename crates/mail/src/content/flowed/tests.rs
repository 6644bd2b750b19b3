use super::*;

#[test]
fn joined() {
    let rows = [
        // The example of RFC 3676 §4.2, as a reader sees it.
        (
            "\"Take some more tea,\" the March Hare said to Alice, very \nearnestly.\n\n\"I've had nothing yet,\" Alice replied in an offended tone, \"so \nI can't take more.\"\n",
            "\"Take some more tea,\" the March Hare said to Alice, very earnestly.\n\n\"I've had nothing yet,\" Alice replied in an offended tone, \"so I can't take more.\"\n",
        ),
        // §4.5: depths of quoting.
        (
            ">>>>[five]\n>>>[four \n>>>of them]\n> one \n> line\nnone\n",
            ">>>> [five]\n>>> [four of them]\n> one line\nnone\n",
        ),
        // A paragraph ends where the depth changes, whatever its blank says.
        ("> a \nb\n", "> a \nb\n"),
        ("a \n> b\n", "a \n> b\n"),
        ("a \n-- \nsignature \nflows\n", "a \n-- \nsignature flows\n"),
        // Stuffed lines.
        ("  two\n > no quote\n From me\n", " two\n> no quote\nFrom me\n"),
        ("fixed\nlines\n", "fixed\nlines\n"),
        ("cut off ", "cut off \n"),
        ("", ""),
        ("\n\n", "\n\n"),
    ];
    for (text, want) in rows {
        assert_eq!(join(text, false), want, "{text:?}");
    }
    assert_eq!(join("日本 \n語\n", true), "日本語\n");
    let media = MediaType::read("text/plain; Format=Flowed; DelSp=Yes");
    assert!(is_flowed(&media) && deletes_spaces(&media));
    for other in ["text/plain", "text/plain; format=fixed", "text/html; format=flowed"] {
        assert!(!is_flowed(&MediaType::read(other)), "{other}");
    }
}

proptest::proptest! {
    /// Register: 5322-2.3-d.
    #[test]
    fn split_joins_back(text in "((>{0,3}( |)([a-zé]{1,12}|From|-- |>| ){0,40})\n){0,6}") {
        let flowed = split(&text);
        for line in flowed.lines() {
            let line = line.trim_start_matches([' ', '>']);
            let one_word = !line.trim_start_matches("-- ").trim_end().contains(' ');
            proptest::prop_assert!(line.chars().count() <= 78 || one_word, "{}", line);
        }
        proptest::prop_assert!(!flowed.lines().any(|line| line.starts_with("From ")));
        // Quoted text has one blank after its marks, and no line has blanks at its end.
        let want: String = text.lines().map(|line| {
            let content = line.trim_start_matches('>');
            let marks = &line[..line.len() - content.len()];
            let content = if marks.is_empty() { content } else { content.strip_prefix(' ').unwrap_or(content) };
            let content = if content == "-- " { content } else { content.trim_end_matches(' ') };
            if marks.is_empty() { format!("{content}\n") } else { format!("{marks} {content}\n") }
        }).collect();
        proptest::prop_assert_eq!(join(&flowed, false), want);
    }

    #[test]
    fn anything(text: String) {
        join(&text, true);
        split(&text);
    }
}
