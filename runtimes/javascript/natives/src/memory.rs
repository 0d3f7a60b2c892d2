//! The C library's heap, which the runtime has anyway, for Rust as well.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
}

/// What `malloc` aligns to.
const ALIGN: usize = 16;

struct Heap;

#[global_allocator]
static HEAP: Heap = Heap;

// SAFETY: the C library's functions keep the contract: memory of `malloc` and of `aligned_alloc` can be freed and resized, and
// both align as asked. `aligned_alloc` wants a multiple of the alignment.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= ALIGN {
            // SAFETY: any size may be asked for.
            unsafe { malloc(layout.size()).cast() }
        } else {
            // SAFETY: an alignment is a power of two.
            unsafe { aligned_alloc(layout.align(), layout.size().next_multiple_of(layout.align())).cast() }
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the memory comes from `alloc`.
        unsafe { free(memory.cast()) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= ALIGN {
            // SAFETY: the memory comes from `alloc`.
            return unsafe { realloc(memory.cast(), size).cast() };
        }
        // SAFETY: both blocks have at least the smaller of the sizes.
        unsafe {
            let larger = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !larger.is_null() {
                std::ptr::copy_nonoverlapping(memory, larger, size.min(layout.size()));
                self.dealloc(memory, layout);
            }
            larger
        }
    }
}

/// Bytes for the runtime, as `natives.h` declares them.
#[repr(C)]
pub struct Bytes {
    /// A zero that `size` does not count follows them: the runtime's to free.
    start: *mut u8,
    size: usize,
}

impl From<Vec<u8>> for Bytes {
    fn from(mut bytes: Vec<u8>) -> Self {
        let size = bytes.len();
        bytes.push(0);
        Self { start: Box::into_raw(bytes.into_boxed_slice()).cast(), size }
    }
}

/// What the runtime passes.
///
/// # Safety
///
/// There are so many bytes at the address, which may be null if there are none, for as long as the result is used.
pub(crate) unsafe fn slice<'a>(start: *const u8, size: usize) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(start, size) }
}

/// A text that the runtime passes; a lone surrogate becomes U+FFFD.
///
/// # Safety
///
/// As for [`slice`].
pub(crate) unsafe fn text<'a>(start: *const u8, size: usize) -> std::borrow::Cow<'a, str> {
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(unsafe { slice(start, size) })
}
