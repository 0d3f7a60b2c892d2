"""What a migration cannot do: it can be imported and named, and fails when it is called."""

import enum
import hmac
import itertools

import runner_threads

NETWORK, PROCESSES = "a migration has no network", "a migration starts no processes"
MEMORY, DATABASE = "a migration has no access to memory", "a migration has one database: use `db` of `runner_guest`"
SCREEN = "a migration has no terminal or screen"
FILES = "a migration has no files but those in the directory with the script's name, and temporary ones"
LOCKS = "a migration has one thread, in one process"

#: Modules that are refused at once, as they are where a system has them not: libraries ask for them, and do without.
REFUSED = {
    **dict.fromkeys(
        "tkinter turtle turtledemo idlelib termios tty pty readline msvcrt winsound _curses _curses_panel _tkinter".split(), SCREEN
    ),
    **dict.fromkeys("pwd grp fcntl resource syslog winreg nt _winapi _wmi _overlapped".split(), "a migration has no operating system"),
    **dict.fromkeys("venv ensurepip site".split(), "a migration's packages are in the directory with the script's name"),
    **dict.fromkeys("_posixsubprocess _posixshmem _interpreters _interpchannels _interpqueues".split(), PROCESSES),
    **dict.fromkeys("_dbm _gdbm".split(), FILES),
    "_scproxy": NETWORK, "_ctypes": MEMORY, "_ssl": NETWORK, "_zstd": "the runtime has no Zstandard",
}

#: Modules without their compiled part: the names of their classes, functions, errors and numbers.
STUBS = {
    "ssl": (NETWORK, """
        SSLContext SSLObject SSLSocket SSLSession MemoryBIO create_default_context _create_default_https_context
        _create_unverified_context _create_stdlib_context create_connection get_server_certificate get_default_verify_paths
        wrap_socket match_hostname cert_time_to_seconds DER_cert_to_PEM_cert PEM_cert_to_DER_cert RAND_bytes RAND_add RAND_status
        SSLError SSLCertVerificationError CertificateError SSLEOFError SSLSyscallError SSLWantReadError SSLWantWriteError
        SSLZeroReturnError Options Purpose VerifyFlags VerifyMode AlertDescription SSLErrorNumber
        CERT_NONE CERT_OPTIONAL CERT_REQUIRED HAS_ALPN HAS_NEVER_CHECK_COMMON_NAME HAS_SNI HAS_TLSv1_3 OP_ALL OP_NO_COMPRESSION
        OP_NO_RENEGOTIATION OP_NO_SSLv2 OP_NO_SSLv3 OP_NO_TICKET OP_NO_TLSv1 OP_NO_TLSv1_1 OP_NO_TLSv1_2 OP_NO_TLSv1_3
        PROTOCOL_SSLv23 PROTOCOL_TLS PROTOCOL_TLS_CLIENT PROTOCOL_TLS_SERVER PROTOCOL_TLSv1 PROTOCOL_TLSv1_1 PROTOCOL_TLSv1_2
        VERIFY_DEFAULT VERIFY_X509_PARTIAL_CHAIN VERIFY_X509_STRICT VERIFY_X509_TRUSTED_FIRST OPENSSL_VERSION_NUMBER
        HAS_TLSv1 HAS_TLSv1_1 HAS_TLSv1_2
    """),
    "ctypes": (MEMORY, """
        ARRAY Array ArgumentError BigEndianStructure CDLL CFUNCTYPE LibraryLoader LittleEndianStructure POINTER PYFUNCTYPE PyDLL
        Structure Union addressof alignment byref c_bool c_buffer c_byte c_char c_char_p c_double c_float c_int c_int16 c_int32 c_int64
        c_int8 c_long c_longdouble c_longlong c_short c_size_t c_ssize_t c_ubyte c_uint c_uint16 c_uint32 c_uint64 c_uint8 c_ulong
        c_ulonglong c_ushort c_void_p c_voidp c_wchar c_wchar_p cast cdll create_string_buffer create_unicode_buffer get_errno memmove
        memset pointer py_object pydll pythonapi set_errno sizeof string_at wstring_at DEFAULT_MODE RTLD_GLOBAL RTLD_LOCAL
    """),
    "ctypes.util": (MEMORY, "find_library find_msvcrt"),
    "ctypes.wintypes": (MEMORY, "BOOL BYTE DWORD HANDLE LPCSTR LPCWSTR LPDWORD LPWSTR SHORT UINT WCHAR WORD"),
    "mmap": (MEMORY, "mmap ACCESS_COPY ACCESS_READ ACCESS_WRITE MAP_PRIVATE MAP_SHARED PROT_READ PROT_WRITE"),
    "curses": (SCREEN, "initscr wrapper setupterm tigetnum tigetstr tparm error A_BOLD KEY_UP KEY_DOWN"),
    "_multiprocessing": (LOCKS, "SemLock sem_unlink flags"),
    "_bz2": ("the runtime has no bzip2: use `gzip` or `zipfile`", "BZ2Compressor BZ2Decompressor"),
    "_lzma": ("the runtime has no LZMA: use `gzip` or `zipfile`", """
        LZMACompressor LZMADecompressor LZMAError is_check_supported _encode_filter_properties _decode_filter_properties
        CHECK_NONE CHECK_CRC32 CHECK_CRC64 CHECK_SHA256 CHECK_ID_MAX CHECK_UNKNOWN FILTER_LZMA1 FILTER_LZMA2 FILTER_DELTA FILTER_X86
        FILTER_POWERPC FILTER_IA64 FILTER_ARM FILTER_ARMTHUMB FILTER_SPARC FORMAT_AUTO FORMAT_XZ FORMAT_ALONE FORMAT_RAW MF_HC3 MF_HC4
        MF_BT2 MF_BT3 MF_BT4 MODE_FAST MODE_NORMAL PRESET_DEFAULT PRESET_EXTREME
    """),
}

#: The sizes of numbers, in the C of the runtime.
SIZES = dict.fromkeys("c_bool c_byte c_char c_ubyte c_int8 c_uint8".split(), 1)
SIZES |= dict.fromkeys("c_short c_ushort c_int16 c_uint16".split(), 2)
SIZES |= dict.fromkeys("c_int c_uint c_long c_ulong c_size_t c_ssize_t c_void_p c_float c_wchar c_int32 c_uint32".split(), 4)
SIZES |= dict.fromkeys("c_double c_longlong c_ulonglong c_int64 c_uint64".split(), 8)

#: What is refused of modules that are there.
CALLS = {
    "_socket": (NETWORK, """
        socket SocketType getaddrinfo getnameinfo gethostbyname gethostbyname_ex gethostbyaddr socketpair sethostname if_nameindex
    """),
    "select": (NETWORK, "select poll"),
    "signal": (PROCESSES, "raise_signal pause alarm setitimer pthread_kill sigwait"),
    "subprocess": (PROCESSES, "Popen.__init__"),
    "os": ("a migration starts no processes, and runs as no user", "system popen kill getuid geteuid getgid getegid getlogin getgroups"),
    "multiprocessing.process": (PROCESSES, "BaseProcess.start"),
    "multiprocessing.managers": (PROCESSES, "BaseManager.start"),
    "multiprocessing.pool": (PROCESSES, "Pool.__init__"),
    "concurrent.futures.thread": ("a migration has one thread", "ThreadPoolExecutor.submit"),
    "concurrent.futures.process": (PROCESSES, "ProcessPoolExecutor.__init__"),
    "webbrowser": (PROCESSES, "get open"),
    "sqlite3": (DATABASE, "connect Connection"),
    "sqlite3.dbapi2": (DATABASE, "connect Connection"),
    "dbm": (FILES, "open"),
    "hashlib": ("the runtime has no OpenSSL: `hashlib.pbkdf2_hmac` is there", "scrypt"),
    "cProfile": ("a migration's clock stands at the time of the run", "Profile.__init__"),
}


def refusing(name, reason):
    def refuse(*arguments, **named):
        raise PermissionError(f"`{name}` cannot be called: {reason}")

    return refuse


def stand_in(module, name, reason):
    """What has the name of something that the runtime has not: an error, a number, or a class that can be derived from, and not made."""
    if name.endswith("Error") or name == "error":
        return type(name, (OSError,), {"__module__": module})
    if "_" in name and name[0].isupper() and name.partition("_")[0].isupper() and not name.startswith(("DER", "PEM", "RAND")):
        return 0
    return type(name, (), {"__module__": module, "__slots__": (), "__new__": refusing(f"{module}.{name}", reason)})


def fill(module):
    """Fills a module that has no code here."""
    name = module.__name__
    reason, names = STUBS[name]
    for of in names.split():
        setattr(module, of, stand_in(name, of, reason))
    if name == "ssl":
        module.OPENSSL_VERSION, module.OPENSSL_VERSION_INFO = "OpenSSL 3.0.0, which the runtime has not", (3, 0, 0, 0, 0)
        module.SSLContext = context_of_no_connection(module.SSLContext)
        for of in "create_default_context _create_default_https_context _create_unverified_context _create_stdlib_context".split():
            setattr(module, of, lambda *arguments, **named: module.SSLContext())
        module.TLSVersion = enum.IntEnum("TLSVersion", "MINIMUM_SUPPORTED SSLv3 TLSv1 TLSv1_1 TLSv1_2 TLSv1_3 MAXIMUM_SUPPORTED")
    if name == "_multiprocessing":
        module.SemLock.SEM_VALUE_MAX = 1
    if name == "ctypes":
        module.sizeof = lambda kind: SIZES[kind.__name__]


def context_of_no_connection(base):
    """The class of contexts, which libraries make and configure when they are imported. It is refused to connect by one."""

    def __getattr__(self, name):
        return refusing(f"ssl.SSLContext.{name}", NETWORK) if name.startswith("wrap_") else lambda *arguments, **named: None

    return type("SSLContext", (), {"__module__": "ssl", "__doc__": base.__doc__, "__getattr__": __getattr__,
                                   "__init__": lambda self, *arguments, **named: None})


def refuse_calls(module):
    """Replaces what cannot be done in a module that was just loaded."""
    reason, names = CALLS.get(module.__name__, ("", ""))
    for path in names.split():
        of, _, name = path.rpartition(".")
        shown = f"{module.__name__.lstrip('_')}.{of or name}"
        if of and hasattr(module, of):
            setattr(getattr(module, of), name, refusing(shown, reason))
        elif not of and isinstance(getattr(module, name, None), type):
            setattr(module, name, stand_in(module.__name__.lstrip("_"), name, reason))
        elif not of:
            setattr(module, name, refusing(shown, reason))
    if module.__name__ == "_socket":
        module.gethostname = lambda: "localhost"
    if module.__name__ == "tempfile":
        # No chance is needed where nobody else is.
        numbers = itertools.count()
        module._RandomNameSequence = lambda: map(str, numbers)
    if module.__name__ == "queue":
        module.SimpleQueue = module._PySimpleQueue
    if module.__name__ == "asyncio":
        runner_threads.run_without_a_selector(module)


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """As `hashlib` has it of OpenSSL, which the runtime has not."""
    if iterations < 1 or dklen is not None and dklen < 1:
        raise ValueError("iteration value and key length must be greater than 0")
    keyed, key = hmac.new(password, digestmod=hash_name), b""
    size = keyed.digest_size if dklen is None else dklen
    for block in range(1, -(-size // keyed.digest_size) + 1):
        last = keyed.copy()
        last.update(salt + block.to_bytes(4, "big"))
        digest = last.digest()
        mixed = int.from_bytes(digest, "big")
        for _ in range(iterations - 1):
            last = keyed.copy()
            last.update(digest)
            digest = last.digest()
            mixed ^= int.from_bytes(digest, "big")
        key += mixed.to_bytes(keyed.digest_size, "big")
    return key[:size]


#: Packages whose code is compiled, and what to take instead.
INSTEAD = {
    **dict.fromkeys("numpy pandas scipy polars pyarrow".split(), "columns of a batch have methods, and `statistics` and `array` have more"),
    **dict.fromkeys("pydantic pydantic_core".split(), "version 1 is pure Python (`pydantic<2`), and so are attrs and marshmallow"),
    **dict.fromkeys(("orjson", "ujson", "rapidjson"), "`json` and simplejson do the same"),
    **dict.fromkeys(("rapidfuzz", "Levenshtein", "jellyfish", "cydifflib"), "`difflib` and textdistance do the same"),
    "lxml": "`xml.etree.ElementTree`, defusedxml, and beautifulsoup4 with `html.parser` do the same",
    "regex": "`re` does most of it",
    "rpds": "jsonschema before version 4.18 does without",
    "bcrypt": "passwords are hashed by `hashlib.pbkdf2_hmac` and passlib",
    **dict.fromkeys(("cryptography", "nacl", "Crypto", "Cryptodome"), "`hashlib` and `hmac` have hashes and signatures"),
    **dict.fromkeys(("shapely", "pyproj", "fiona"), "geopy and haversine have distances, and pygeohash geohashes"),
    **dict.fromkeys(("psycopg", "psycopg2", "MySQLdb", "asyncpg", "mysql"), DATABASE),
}


def instead_of(name):
    found = INSTEAD.get(name.partition(".")[0])
    return f"; {found}" if found else ""
