// Package rules is what is done to a row, here and in a program of its own.
package rules

import (
	"fmt"
	"regexp"
	"time"
)

var phone = regexp.MustCompile(`^(?:\+41|0041|0)\s*(?:\(0\))?(\d{2})[\s./-]*(\d{3})[\s./-]*(\d{2})[\s./-]*(\d{2})$`)

// PhoneNumber is a phone number in one form; what is not a phone number stays as it is.
func PhoneNumber(text string) string {
	match := phone.FindStringSubmatch(text)
	if match == nil {
		return text
	}
	return fmt.Sprintf("+41 %s %s %s %s", match[1], match[2], match[3], match[4])
}

// DueDate is 30 days later, or the Monday that follows.
func DueDate(joined string) (string, error) {
	due, err := time.Parse(time.DateOnly, joined)
	if err != nil {
		return "", err
	}
	due = due.AddDate(0, 0, 30)
	for due.Weekday() == time.Saturday || due.Weekday() == time.Sunday {
		due = due.AddDate(0, 0, 1)
	}
	return due.Format(time.DateOnly), nil
}
