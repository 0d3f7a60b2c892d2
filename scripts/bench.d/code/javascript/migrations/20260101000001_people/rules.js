// What is done to a row, here and under Node.js.
const PHONE = /^(?:\+41|0041|0)\s*(?:\(0\))?(\d{2})[\s./-]*(\d{3})[\s./-]*(\d{2})[\s./-]*(\d{2})$/;

/** A phone number in one form; what is not a phone number stays as it is. */
export function phoneNumber(text) {
  const match = PHONE.exec(text);
  if (!match) return text;
  const [, area, exchange, first, last] = match;
  return `+41 ${area} ${exchange} ${first} ${last}`;
}

/** 30 days later, or on the Monday that follows. */
export function dueDate(joined) {
  const due = new Date(joined);
  due.setUTCDate(due.getUTCDate() + 30);
  while (due.getUTCDay() === 0 || due.getUTCDay() === 6) due.setUTCDate(due.getUTCDate() + 1);
  return due.toISOString().slice(0, 10);
}
