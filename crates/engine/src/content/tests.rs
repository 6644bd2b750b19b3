use super::*;
use proptest::prelude::*;

/// Gives a body in the chunks it was cut into.
struct Pieces(VecDeque<Bytes>);

impl BodyReader for Pieces {
    fn next(&mut self) -> BoxFut<'_, Option<Bytes>> {
        let piece = self.0.pop_front();
        Box::pin(async move { Ok(piece) })
    }
}

fn pieces(body: &[u8], piece: usize) -> Body {
    let cut = body.chunks(piece.max(1)).map(Bytes::copy_from_slice).collect();
    Body::Stored(Box::new(Pieces(cut)))
}

/// Everything that comes.
fn read(mut content: Content) -> Vec<u8> {
    let mut octets = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        while let Some(chunk) = content.next().await.unwrap() {
            octets.extend_from_slice(&chunk);
        }
    });
    octets
}

/// The same by the shortest way.
fn edited(body: &[u8], head: &HeadEdits) -> Vec<u8> {
    let mut octets = head.prepend.to_vec();
    let mut from = 0;
    for edit in &head.replace {
        let (at, end) = (edit.at as usize, edit.at.saturating_add(edit.len) as usize);
        if at < from || end > body.len() {
            continue;
        }
        octets.extend_from_slice(&body[from..at]);
        octets.extend_from_slice(&edit.with);
        from = end;
    }
    octets.extend_from_slice(&body[from..]);
    octets
}

fn replace() -> impl Strategy<Value = Replace> {
    let with = proptest::collection::vec(any::<u8>(), 0..8);
    (0_u64..70, 0_u64..12, with).prop_map(|(at, len, with)| Replace { at, len, with: with.into() })
}

proptest! {
    /// However the body is cut, the same octets come, and as many as are announced.
    #[test]
    fn cuts_do_not_matter(
        body in proptest::collection::vec(any::<u8>(), 0..64),
        prepend in proptest::collection::vec(any::<u8>(), 0..8),
        mut replace in proptest::collection::vec(replace(), 0..6),
        sorted in any::<bool>(),
    ) {
        if sorted {
            replace.sort_by_key(|edit| edit.at);
        }
        let head = HeadEdits { prepend: prepend.into(), replace };
        let expected = edited(&body, &head);
        let len = body.len() as u64;
        prop_assert_eq!(edited_len(&head, len), expected.len() as u64);
        for piece in [1, 2, 3, 7, 64] {
            prop_assert_eq!(&read(Content::new(pieces(&body, piece), &head, len)), &expected);
        }
        let hot = Body::Hot(Bytes::from(body));
        prop_assert_eq!(&read(Content::new(hot, &head, len)), &expected);
    }
}
