-- The tables of the nycflights13 data, with the columns of its files.
-- A value that is NA there is NULL here. Keys are VARCHAR since MySQL cannot index TEXT as a whole.

CREATE TABLE airlines (
    carrier VARCHAR(2) NOT NULL PRIMARY KEY,
    name VARCHAR(100) NOT NULL
);

CREATE TABLE airports (
    faa VARCHAR(3) NOT NULL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    alt INTEGER NOT NULL,
    tz INTEGER NOT NULL,
    dst VARCHAR(1) NOT NULL,
    tzone VARCHAR(40)
);

CREATE TABLE planes (
    tailnum VARCHAR(6) NOT NULL PRIMARY KEY,
    year INTEGER,
    type VARCHAR(40) NOT NULL,
    manufacturer VARCHAR(40) NOT NULL,
    model VARCHAR(40) NOT NULL,
    engines INTEGER NOT NULL,
    seats INTEGER NOT NULL,
    speed INTEGER,
    engine VARCHAR(20) NOT NULL
);

-- A flight's number in the order of the file is its id. Origin, destination and tail number refer to nothing: some
-- airports and planes that flew are in no file.
CREATE TABLE flights (
    id INTEGER NOT NULL PRIMARY KEY,
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    dep_time INTEGER,
    sched_dep_time INTEGER NOT NULL,
    dep_delay INTEGER,
    arr_time INTEGER,
    sched_arr_time INTEGER NOT NULL,
    arr_delay INTEGER,
    carrier VARCHAR(2) NOT NULL,
    flight INTEGER NOT NULL,
    tailnum VARCHAR(6),
    origin VARCHAR(3) NOT NULL,
    dest VARCHAR(3) NOT NULL,
    air_time INTEGER,
    distance INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    time_hour VARCHAR(20) NOT NULL,
    FOREIGN KEY (carrier) REFERENCES airlines (carrier)
);
