use super::*;

#[test]
fn a_url_hides_what_may_be_a_password() {
    for (url, shown) in [
        ("postgres://me:pa:ss@host/db", "postgres://me:***@host/db"),
        ("mysql://me:p@ss@host:3306/db?charset=x", "mysql://me:***@host:3306/db?charset=x"),
        ("mysql://me:p/a?ss@host:3306/db", "mysql://me:***@host:3306/db"),
        ("postgres://me:p@ss/wo@rd@host/db", "postgres://me:***@host/db"),
        ("postgres://me:p#ss@host/db", "postgres://me:***@host/db"),
        ("postgres://me@host/db", "postgres://me@host/db"),
        ("postgres://host:5432/db", "postgres://host:5432/db"),
        ("postgres://me@[::1]:5432/db", "postgres://me@[::1]:5432/db"),
        ("postgres://[::1]:5432/db", "postgres://[::1]:5432/db"),
        ("postgres://me:pw@[::1]:5432/db", "postgres://me:***@[::1]:5432/db"),
        ("postgres://me:secret", "postgres://me:***"),
        ("postgres:/me:secret@host/db", "postgres:/me:***@host/db"),
        ("postgres:me:secret@host/db", "postgres:me:***@host/db"),
        ("POSTGRES:ME:secret@host/db", "POSTGRES:ME:***@host/db"),
        ("postgres:\\\\me:secret@host/db", "postgres:\\\\me:***@host/db"),
        ("me:secret@host/db", "me:***@host/db"),
        ("postgres://me%3Asecret@host/db", "postgres://me%3A***@host/db"),
        ("postgres:/\t/me%3Asecret@host/db", "postgres:/\t/me%3A***@host/db"),
        ("mysql://[me:secret@[::1]:1/db", "mysql://[me:***@[::1]:1/db"),
        ("mysql://me@[:secret@[::1]:1/db", "mysql://me@[:***@[::1]:1/db"),
        ("mysql://me%3Asecret@[::1]:1/db", "mysql://me%3A***@[::1]:1/db"),
        ("postgres:///db?user=me&password=se&cret&port=1", "postgres:///db?user=me&password=***&***&port=1"),
        ("postgres:///db?p%61ssword=secret", "postgres:///db?p%61ssword=***"),
        ("postgres:///db?PASSWORD=secret&sslpassword=two", "postgres:///db?PASSWORD=***&sslpassword=***"),
        ("postgres:///db?password=a:b@c", "postgres:///db?password=***"),
        ("postgres://me:a@host/db?password=b@c&user=d", "postgres://me:***"),
        ("postgres:///db?options=-c%20x.secret%3Dy", "postgres:///db?options=***"),
        ("mysql://me:pw@h/d?lock=lease&lock-lease=3s", "mysql://me:***@h/d?lock=lease&lock-lease=3s"),
        ("postgres://me:pw@h/d?schema=foo&Schema=bar&token=x", "postgres://me:***@h/d?schema=foo&Schema=bar&token=***"),
        (
            "postgres://h/d?options[search_path]=a&options[x.y]=b",
            "postgres://h/d?options[search_path]=a&options[x.y]=***",
        ),
        ("postgres://h/d?schema=a;password=b&unknown=c", "postgres://h/d?schema=***&unknown=***"),
        ("postgres:///db?port=1#secret", "postgres:///db?port=***"),
        ("mysql://me:@host", "mysql://me:@host"),
        ("sqlite://a:b@c.db", "sqlite://a:b@c.db"),
        ("sqlite://x.db?key=hunter2&mode=ro", "sqlite://x.db?key=***&mode=ro"),
        ("sqlite:x.db?key=se&cret", "sqlite:x.db?key=***&***"),
        ("postgres://u:hunter2secret@h/hunter2secret", "postgres://u:***@h/***"),
        ("postgres://app:app@h/app", "postgres://app:***@h/app"),
        ("  postgres://me:secret@h\n", "postgres://me:***@h"),
    ] {
        assert_eq!(redact_url(url), shown);
        assert_eq!(redact_url(shown), shown, "hidden twice");
    }
}

#[test]
fn a_text_keeps_everything_but_passwords() {
    for (text, shown) in [
        ("no `postgres://me:s e@h/d` here", "no `postgres://me:***@h/d` here"),
        ("no `postgres:/me:s e@h/d` here", "no `postgres:/me:***@h/d` here"),
        ("`postgres://me:s`e@h/d` here", "`postgres://me:***@h/d` here"),
        ("no `jdbc:mysql://me:s e@h/d` here", "no `jdbc:mysql://me:***@h/d` here"),
        ("no `jdbc:mysql://h/d?password=s e` here", "no `jdbc:mysql://h/d?password=***` here"),
        ("no `[grants.mysql:/\t/me:s\te@h/d]` here", "no `[grants.mysql:/\t/me:***@h/d]` here"),
        ("{\"url\":\"jdbc:mysql:me:s e@h\",\"a\":\"b c\"}", "{\"url\":\"jdbc:mysql:me:***@h\",\"a\":\"b c\"}"),
        ("(postgres:/me:secret@h/d), and more", "(postgres:/me:***@h/d), and more"),
        ("jdbc:postgresql://h/d?user=a&password=b", "jdbc:postgresql://h/d?user=a&password=***"),
        ("postgresql+psycopg://a:b@h", "postgresql+psycopg://a:***@h"),
        ("get https://me:token@example.org/x?y=1&token=2", "get https://me:***@example.org/x?y=1&token=***"),
        ("`mysql://user:password@host:3306/database`", "`mysql://user:password@host:3306/database`"),
        ("`postgres://me:${PGPASSWORD}@h/d`", "`postgres://me:${PGPASSWORD}@h/d`"),
        ("the image mysql:8.0, line 3: column 4", "the image mysql:8.0, line 3: column 4"),
        ("sqlite://a:b@c and x::y@z", "sqlite://a:b@c and x::y@z"),
        ("see https://rustup.rs", "see https://rustup.rs"),
        (
            "`sqlite://my files/x.db?key=hunter2` and file:a?mode=rw",
            "`sqlite://my files/x.db?key=***` and file:a?mode=rw",
        ),
        ("the file: what? in file:12", "the file: what? in file:12"),
        ("`postgres://u:hunter2secret@h/hunter2secret`", "`postgres://u:***@h/***`"),
        ("ünïcode: postgres://ü:ä@h", "ünïcode: postgres://ü:***@h"),
    ] {
        assert_eq!(redact_urls(text), shown);
        assert_eq!(redact_urls(shown), shown, "hidden twice");
    }
    let digest = format!("@sha256:{}", "0123456789abcdef".repeat(4));
    for (reference, shown) in [
        ("oci://127.0.0.1:6411/acme/outbox", "oci://127.0.0.1:6411/acme/outbox"),
        ("oci://example.org/acme/outbox:1.2", "oci://example.org/acme/outbox:1.2"),
        ("oci://me:secret@example.org:1/acme/outbox", "oci://me:***@example.org:1/acme/outbox"),
        ("oci://127.0.0.1:secret/acme/outbox", "oci://127.0.0.1:***/acme/outbox"),
    ] {
        for end in ["", &digest] {
            let (reference, shown) = (format!("`{reference}{end}`"), format!("`{shown}{end}`"));
            assert_eq!(redact_urls(&reference), shown);
            assert_eq!(redact_urls(&shown), shown, "hidden twice");
        }
    }
    assert_eq!(redact_urls("oci://me:se/cret@example.org/outbox"), "oci://me:***@example.org/outbox");
    // Linear, whatever it consists of.
    for part in ["postgres:", "a://", ":", "`postgres:@` ", "`postgres:@", "password=", "'", "a="] {
        drop(redact(&part.repeat(1 << 17)));
    }
    for (text, shown) in [
        ("host=h password=secret user=u", "host=h password=*** user=u"),
        ("PASSWORD='my \\' secret' user=u", "PASSWORD=*** user=u"),
        ("sslpassword=a&x=b", "sslpassword=***&x=b"),
        ("WHERE password = crypt(a)", "WHERE password = crypt(a)"),
        ("password=", "password="),
        ("`password=secret`", "`password=***`"),
        ("password='", "password=***"),
        ("a=password=secret", "a=password=***"),
        ("WHERE a.password=b.password", "WHERE a.password=b.password"),
    ] {
        assert_eq!(redact(text), shown);
        assert_eq!(redact(shown), shown, "hidden twice");
    }
}
