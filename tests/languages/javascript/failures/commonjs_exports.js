// says: ReferenceError: module is not defined
// says: a script is an ES module; use `import` and `export`
module.exports = { description: "fails", upgrade() {} };
