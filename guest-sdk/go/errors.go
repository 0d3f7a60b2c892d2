package guest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// ErrorKind is the kind of an error, for a migration to act on.
type ErrorKind uint8

// The kinds.
const (
	// Denied: not allowed for this migration.
	Denied ErrorKind = iota
	// Syntax: the statement is not valid SQL, or names an object that does not exist.
	Syntax
	// Constraint: a constraint of the database rejected the change.
	Constraint
	// Conversion: a value cannot be represented on the other side without loss.
	Conversion
	// InvalidArgument: an argument of the call is malformed.
	InvalidArgument
	// Timeout: a statement or a lock took longer than allowed.
	Timeout
	// Busy: another session holds a lock that the statement needs.
	Busy
	// Limit: a limit of the host was exceeded.
	Limit
	// Connection: the connection to the database is lost.
	Connection
	// Failed: the migration itself failed; the kind of every error that is not of the host.
	Failed
	// Other: anything else.
	Other
)

// String returns the name of the kind.
func (k ErrorKind) String() string {
	return nameOf(k, []string{"denied", "syntax", "constraint", "conversion", "invalid argument", "timeout", "busy", "limit",
		"connection", "failed", "other"})
}

// Error is why a call of the host failed. Find it with [errors.As]; a migration that returns it, wrapped or not, fails with its
// kind, code and detail.
type Error struct {
	Kind ErrorKind
	// Code is the database's own: SQLSTATE, the error number or the extended result code. Empty if it is not the database's error.
	Code string
	// Message is what happened.
	Message string
	// Detail is more of it, if there is any: table, column, row key.
	Detail string
}

// Error returns the message.
func (e *Error) Error() string {
	if e == nil {
		return "an error without a message"
	}
	return e.Message
}

// A message for people, who get a mark in place of what is no UTF-8: a text that was cut, for example.
func readable(message string) string { return strings.ToValidUTF8(message, "\uFFFD") }

// The error as the host takes it.
func asError(err error) Error {
	var host *Error
	if errors.As(err, &host) && host != nil {
		return Error{Kind: host.Kind, Code: host.Code, Message: err.Error(), Detail: host.Detail}
	}
	return Error{Kind: Failed, Message: err.Error()}
}

// Calls a function of the migration. A panic becomes an error that says where it was.
func guarded(function func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v%s", cause, position())
		}
	}()
	return function()
}

// Where the code of a migration panicked: the innermost line that is neither of this package nor of Go's runtime.
func position() string {
	var counters [64]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(3, counters[:])])
	for {
		frame, more := frames.Next()
		own := strings.HasPrefix(frame.Function, "runtime.") || strings.HasPrefix(frame.Function, thisPackage)
		if frame.File != "" && !own {
			return fmt.Sprintf(" (at %s:%d)", frame.File, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

const thisPackage = "github.com/runner-migrations/runner/guest-sdk/go."
