//! The charsets that the tables do not have: three that put everything into seven bits, and one
//! that takes four octets for each character.

/// UTF-7 (RFC 2152): `+` begins a run of base64 over UTF-16, `+-` is a plus sign.
pub(super) fn utf7(octets: &[u8]) -> (String, bool) {
    let mut out = String::with_capacity(octets.len());
    let (mut bad, mut rest) = (false, octets);
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        if octet != b'+' {
            bad |= !octet.is_ascii();
            out.push(if octet.is_ascii() {
                char::from(octet)
            } else {
                char::REPLACEMENT_CHARACTER
            });
            continue;
        }
        let len = after.iter().position(|&octet| digit(octet).is_none()).unwrap_or(after.len());
        let (run, after) = after.split_at_checked(len).unwrap_or((after, &[]));
        rest = after.strip_prefix(b"-").unwrap_or(after);
        if run.is_empty() {
            out.push('+');
            bad |= rest.len() == after.len();
        } else {
            let units = utf16_units(run);
            for unit in char::decode_utf16(units) {
                bad |= unit.is_err();
                out.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
    }
    (out, bad)
}

fn digit(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn utf16_units(run: &[u8]) -> Vec<u16> {
    let (mut bits, mut held, mut units) = (0_u32, 0_u32, Vec::with_capacity(run.len() / 2));
    for value in run.iter().filter_map(|&octet| digit(octet)) {
        held = (held << 6 | value) & 0x3f_ffff;
        bits += 6;
        if bits >= 16 {
            bits -= 16;
            units.push(u16::try_from(held >> bits & 0xffff).unwrap_or(0xfffd));
        }
    }
    units
}

/// ISO-2022-KR (RFC 1557) as EUC-KR: between SO and SI the high bit is understood.
pub(super) fn iso2022kr(octets: &[u8]) -> Vec<u8> {
    const HEADER: &[u8] = b"\x1b$)C";
    let mut out = Vec::with_capacity(octets.len());
    let (mut shifted, mut rest) = (false, octets);
    while let Some((&octet, after)) = rest.split_first() {
        rest = rest.strip_prefix(HEADER).unwrap_or(after);
        match octet {
            0x0e => shifted = true,
            0x0f => shifted = false,
            0x1b if rest.len() + HEADER.len() == after.len() + 1 => {}
            // The shift ends with the line.
            b'\n' => {
                shifted = false;
                out.push(octet);
            }
            0x21..=0x7e if shifted => out.push(octet | 0x80),
            _ => out.push(octet),
        }
    }
    out
}

/// HZ (RFC 1843) as GB 2312: between `~{` and `~}` the high bit is understood.
pub(super) fn hz(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let (mut shifted, mut rest) = (false, octets);
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match (octet, after.first()) {
            (b'~', Some(b'{')) => shifted = true,
            (b'~', Some(b'}')) => shifted = false,
            (b'~', Some(b'~')) if !shifted => out.push(b'~'),
            (b'~', Some(b'\n')) if !shifted => {}
            (0x21..=0x7e, _) if shifted => {
                out.push(octet | 0x80);
                continue;
            }
            _ => {
                out.push(octet);
                continue;
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out
}

/// UTF-32, the mark at the start obeyed and taken away.
pub(super) fn utf32(octets: &[u8], big: bool) -> (String, bool) {
    let (octets, big) = match octets {
        [0, 0, 0xfe, 0xff, rest @ ..] => (rest, true),
        [0xff, 0xfe, 0, 0, rest @ ..] => (rest, false),
        _ => (octets, big),
    };
    let mut out = String::with_capacity(octets.len() / 4);
    let (units, rest) = octets.as_chunks::<4>();
    let mut bad = !rest.is_empty();
    for unit in units {
        let code = if big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) };
        let character = char::from_u32(code);
        bad |= character.is_none();
        out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    (out, bad)
}
