// Dates in texts. The interpreter's own reader guesses: it takes "2020-07-00" for July 2000, and skips words that it does not
// know. Texts are left to it in forms that Node.js reads as well, and in the same way; of all others it makes no date.

// Months as numbers and names, among them what toString, toUTCString and toLocaleString write. Made at the first use: most scripts read
// no such dates.
const dateForm = () => {
  const either = (...words) => `(?:${words.join("|")})`;
  const month = either("january", "february", "march", "april", "june?", "july?", "august", "september", "october", "november", "december",
    "jan", "feb", "mar", "apr", "may", "aug", "sept?", "oct", "nov", "dec");
  const weekday = `(?:${either(...["mon", "tues", "wednes", "thurs", "fri", "satur", "sun"].map((day) => `${day}day`), "mon", "tue", "wed", "thu", "fri", "sat", "sun")},? )?`;
  const year = "[1-9]\\d{3}", day = "(?:0?[1-9]|[12]\\d|3[01])", number = "(?:0?[1-9]|1[0-2])";
  const minutes = "\\d{1,2}:\\d{2}", seconds = `${minutes}:\\d{2}(?:\\.\\d{1,9})?`, offset = "[+-](?:[01]\\d|2[0-3])(?::?[0-5]\\d)?";
  const zone = either("z", offset, "[ecmp][sd]t", `(?:utc|gmt)(?:${offset}|[+-]\\d)?`);
  const time = `${either(`${either(minutes, seconds)}(?:z|${offset}| ${zone})?`, `${either(`${minutes} ?`, `${seconds} `)}[ap]m(?: ${zone})?`)}(?: \\([^()]*\\))?`;
  return new RegExp(`^(?:${year}([-/.])${number}\\1${day}|${number}([-/.])${day}\\2${year}|${number}/${day}/\\d\\d|${day}-${month}-${year}`
    + `|${weekday}${either(`${day} ${month}`, `${month} ${day}`)},? ${year}|${month},? ${year})(?:,? ${time})?$`, "i");
};

const { parse: guessedDate } = Date;

// Milliseconds since 1970-01-01 in UTC, or NaN, of a text that is not ISO 8601.
function readDate(text) {
  // The reader wants a space behind the time: it would skip the sign of an offset.
  return (readDate.form ??= dateForm()).test(text) ? guessedDate(text.replace(/:\d\d(?:\.\d+)?(?=[z+-])/i, "$& ")) : NaN;
}

if (!native.isFake) methods(Date, { parse(text) { return new Date(`${text}`).getTime(); } });
