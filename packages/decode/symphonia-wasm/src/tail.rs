//! Tags at the end of a file, seen as a reader comes to them: what is in them, pictures above all, may look like packets.

/// Name of an APE tag, at its head and at its foot.
const APE_NAME: &[u8; 8] = b"APETAGEX";
const APE_HEADER_BYTES: usize = 32;
/// In the flags of an APE tag: this is its head.
const IS_APE_HEAD: u32 = 1 << 29;
const ID3V1_BYTES: u64 = 128;

/// Where in `window`, which begins at `position` of a source of `length` bytes, the tags begin that end the file.
pub fn tail_start(window: &[u8], position: u64, length: Option<u64>) -> Option<usize> {
    let ape = ape_names(window).find(|&at| is_last_tag(&window[at..], position + at as u64, length));
    ape.or_else(|| id3v1_start(window, position, length))
}

/// Where the name of an APE tag stands. Every byte of a file passes here: most stretches are dismissed by a look for the last letter, which
/// is made at all their bytes at once.
fn ape_names(window: &[u8]) -> impl Iterator<Item = usize> {
    const STRETCH_BYTES: usize = 64;
    let [.., last] = *APE_NAME;
    let stretches = window.chunks(STRETCH_BYTES).enumerate().filter(move |(_, bytes)| bytes.iter().fold(false, |any, &byte| any | (byte == last)));
    stretches.flat_map(move |(index, bytes)| {
        let ends = (0..bytes.len()).map(move |at| index * STRETCH_BYTES + at + 1);
        ends.filter(|&end| window[..end].ends_with(APE_NAME)).map(|end| end - APE_NAME.len())
    })
}

/// An APEv2 tag that begins here and reaches to the end, or to the ID3v1 tag there.
fn is_last_tag(bytes: &[u8], position: u64, length: Option<u64>) -> bool {
    let Some(header) = bytes.first_chunk::<APE_HEADER_BYTES>() else { return false };
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let end = position + APE_HEADER_BYTES as u64 + u64::from(number(12));
    number(8) == 2000 && number(20) & IS_APE_HEAD != 0 && length.is_none_or(|length| end == length || end + ID3V1_BYTES == length)
}

fn id3v1_start(window: &[u8], position: u64, length: Option<u64>) -> Option<usize> {
    let at = usize::try_from(length?.checked_sub(ID3V1_BYTES)?.checked_sub(position)?).ok()?;
    window.get(at..)?.starts_with(b"TAG").then_some(at)
}

/// Where in `window`, behind its first byte, a tag may begin that is cut by the window's end: read from there all of it is seen.
pub fn cut_start(window: &[u8]) -> Option<usize> {
    let last = window.len().checked_sub(APE_HEADER_BYTES - 1)?;
    (last.max(1)..window.len()).find(|&at| {
        let rest = &window[at..];
        rest.iter().zip(APE_NAME).all(|(byte, name)| byte == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ape_header(size: u32) -> Vec<u8> {
        let mut header = APE_NAME.to_vec();
        for number in [2000, size, 1, 0xa000_0000, 0, 0] {
            header.extend_from_slice(&u32::to_le_bytes(number));
        }
        header
    }

    #[test]
    fn a_tag_counts_where_it_reaches_to_the_end() {
        let window = [vec![1; 10], ape_header(50), vec![2; 50]].concat();
        assert_eq!(tail_start(&window, 1000, Some(1092)), Some(10));
        assert_eq!(tail_start(&window, 1000, Some(1220)), Some(10));
        assert_eq!(tail_start(&window, 1000, Some(2000)), None);
        assert_eq!(tail_start(&window, 1000, None), Some(10));
    }

    #[test]
    fn a_name_is_found_wherever_it_stands() {
        for at in 0..140 {
            let mut window = vec![b'X'; 200];
            window[at..at + 8].copy_from_slice(APE_NAME);
            assert_eq!(ape_names(&window).collect::<Vec<_>>(), [at]);
        }
    }

    #[test]
    fn a_tag_that_is_cut_by_the_window_is_left_to_the_next() {
        let window = [vec![1; 100], ape_header(50)[..20].to_vec()].concat();
        assert_eq!((tail_start(&window, 0, Some(1_000_000)), cut_start(&window)), (None, Some(100)));
    }

    #[test]
    fn id3v1_is_the_last_128_bytes() {
        let window = [vec![0; 72], b"TAG".to_vec(), vec![0; 125]].concat();
        assert_eq!(tail_start(&window, 0, Some(200)), Some(72));
        assert_eq!(tail_start(&window, 0, Some(300)), None);
    }
}
