//! Packages with code for a processor, which the sandbox cannot run.

use runner_base::error::Error;

/// The ends of files with code for a processor, or for another sandbox.
const NATIVE: [&str; 6] = [".node", ".so", ".pyd", ".dll", ".dylib", ".wasm"];

/// What does the same without native code.
const INSTEAD: [(&str, &str); 28] = [
    ("argon2", "`@noble/hashes` for JavaScript"),
    ("bcrypt", "`bcryptjs` for JavaScript"),
    ("better-sqlite3", "`db` of `runner-guest`"),
    ("ciso8601", "`datetime.fromisoformat`"),
    ("cryptography", "`hashlib` and `hmac`"),
    ("iconv", "`TextDecoder`, or `iconv-lite`"),
    ("levenshtein", "`difflib`"),
    ("libxmljs", "`fast-xml-parser`"),
    ("lxml", "`xml.etree.ElementTree` for XML, `html5lib` or `html.parser` for HTML"),
    ("mysql", "`db` of `runner-guest`"),
    ("mysqlclient", "`db` of `runner_guest`"),
    ("node-expat", "`sax`"),
    ("numpy", "the methods of columns, `array` and `statistics`"),
    ("orjson", "`json`"),
    ("pandas", "the methods of columns"),
    ("pg-native", "`db` of `runner-guest`"),
    ("polars", "the methods of columns"),
    ("psycopg-binary", "`db` of `runner_guest`"),
    ("psycopg2", "`db` of `runner_guest`"),
    ("psycopg2-binary", "`db` of `runner_guest`"),
    ("pydantic-core", "`pydantic<2`, or `dataclasses`"),
    ("re2", "`RegExp`"),
    ("regex", "`re`"),
    ("rpds-py", "`jsonschema<4.18`"),
    ("snappy", "`snappyjs`"),
    ("sqlite3", "`db` of `runner-guest`"),
    ("ujson", "`json`"),
    ("xxhash", "`hashlib` in Python, `node:crypto` in JavaScript"),
];

/// Packages of pip that do without their native part, which is only faster; their wheels are all for certain processors.
const OPTIONAL: [&str; 5] = ["markupsafe", "msgpack", "pyyaml", "rapidfuzz", "zope-interface"];

/// Whether a package does without its native part.
pub(super) fn is_optional(package: &str) -> bool {
    OPTIONAL.contains(&normalized(package).as_str())
}

/// The name of a package as its index has it.
fn normalized(package: &str) -> String {
    package.to_lowercase().replace(['_', '.'], "-")
}

/// Whether a file has native code, by its name.
pub(super) fn is_native(path: &str) -> bool {
    NATIVE.iter().any(|end| path.ends_with(end))
}

/// The error for a package with native code.
pub(super) fn refused(package: &str, why: &str) -> Error {
    let error =
        Error::usage(format!("the package `{package}` needs native code, which a migration cannot run")).cause(why);
    match INSTEAD.iter().find(|(name, _)| *name == normalized(package)) {
        Some((_, instead)) => error.hint(format!("{instead} may do instead")),
        None => error.hint("look for a package without native parts, or write the migration in a compiled language"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_out_is_named() {
        assert_eq!(refused("Pydantic_Core", "x").hints, ["`pydantic<2`, or `dataclasses` may do instead"]);
        assert!(refused("other", "x").hints[0].contains("without native parts"));
        assert!(is_native("a/b.cpython-314-x86_64-linux-gnu.so") && !is_native("a/so.py"));
        assert!(INSTEAD.is_sorted() && is_optional("zope.interface") && !is_optional("numpy"));
    }
}
