//! Decoding bytes by the encodings of the WHATWG standard.

use encoding_rs::{CoderResult, Decoder, DecoderResult, Encoding};

use crate::memory::{Bytes, slice};

/// A decoder, with what it kept of an unfinished character.
pub struct TextDecoder {
    decoder: Decoder,
    encoding: &'static Encoding,
    keeps_mark: bool,
    is_fatal: bool,
}

impl TextDecoder {
    fn fresh(encoding: &'static Encoding, keeps_mark: bool) -> Decoder {
        match keeps_mark {
            true => encoding.new_decoder_without_bom_handling(),
            false => encoding.new_decoder_with_bom_removal(),
        }
    }

    fn decode(&mut self, mut bytes: &[u8], is_last: bool) -> Option<Vec<u8>> {
        let mut text = String::new();
        let mut is_good = true;
        loop {
            text.reserve(self.decoder.max_utf8_buffer_length(bytes.len())?);
            let (is_done, read) = match self.is_fatal {
                true => match self.decoder.decode_to_string_without_replacement(bytes, &mut text, is_last) {
                    (DecoderResult::Malformed(..), _) => {
                        is_good = false;
                        (true, 0)
                    }
                    (result, read) => (result == DecoderResult::InputEmpty, read),
                },
                false => {
                    let (result, read, _) = self.decoder.decode_to_string(bytes, &mut text, is_last);
                    (result == CoderResult::InputEmpty, read)
                }
            };
            if is_done {
                break;
            }
            bytes = &bytes[read..];
        }
        if is_last || !is_good {
            self.decoder = Self::fresh(self.encoding, self.keeps_mark);
        }
        is_good.then(|| text.into_bytes())
    }
}

/// A decoder for a label of the standard, and the encoding's name; null if there is no such label.
///
/// # Safety
///
/// The label has so many bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn decoder_new(label: *const u8, size: usize, keeps_mark: bool, is_fatal: bool, name: &mut Bytes) -> *mut TextDecoder {
    // SAFETY: the caller's promise.
    let Some(encoding) = Encoding::for_label_no_replacement(unsafe { slice(label, size) }) else { return std::ptr::null_mut() };
    *name = encoding.name().to_ascii_lowercase().into_bytes().into();
    Box::into_raw(Box::new(TextDecoder { decoder: TextDecoder::fresh(encoding, keeps_mark), encoding, keeps_mark, is_fatal }))
}

/// Decodes bytes to UTF-8; false if they are malformed and the decoder is fatal.
///
/// # Safety
///
/// There are so many bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn decoder_decode(decoder: &mut TextDecoder, bytes: *const u8, size: usize, is_last: bool, into: &mut Bytes) -> bool {
    // SAFETY: the caller's promise.
    let Some(text) = decoder.decode(unsafe { slice(bytes, size) }, is_last) else { return false };
    *into = text.into();
    true
}

/// Frees a decoder.
#[unsafe(no_mangle)]
extern "C" fn decoder_free(decoder: Option<Box<TextDecoder>>) {
    drop(decoder);
}
