//! The tree as people look at it.

use super::{Kind, Node};

/// One line for each path: what became of it, why, and the line that says so.
///
/// ```text
/// <staff@home.example>           an alias (aliases:3)
/// ├─ <ann@home.example>          ann forwards it (/home/ann/.forward:1)
/// │  └─ <ann@far.example>        the domain is not ours
/// └─ <bob@home.example>          no alias stands for it
/// ```
pub fn draw(trees: &[Node]) -> Vec<String> {
    let mut rows = Vec::new();
    trees.iter().for_each(|tree| row(tree, "", "", &mut rows));
    let wide = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0).min(WIDE);
    rows.into_iter().map(|(left, right)| format!("{left:wide$}  {right}")).collect()
}

/// Columns of the paths at most; longer ones push their reason.
const WIDE: usize = 60;

fn row(node: &Node, first: &str, rest: &str, rows: &mut Vec<(String, String)>) {
    let mark = match node.kind {
        Kind::Again => "left out: ",
        Kind::Loop => "left out, a loop: ",
        Kind::TooMany => "left out, too many: ",
        Kind::Asked => "not known: ",
        Kind::Here
        | Kind::Unfollowed
        | Kind::End
        | Kind::Elsewhere
        | Kind::Alias
        | Kind::List(_)
        | Kind::Forward
        | Kind::Copy => "",
    };
    rows.push((format!("{first}{}", node.path), format!("{mark}{}", node.reason)));
    for (number, member) in (1..).zip(&node.members) {
        let (corner, line) =
            if number == node.members.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        row(member, &format!("{rest}{corner}"), &format!("{rest}{line}"), rows);
    }
}
