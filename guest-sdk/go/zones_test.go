package guest

import (
	"strings"
	"testing"
	"time"
)

func TestEveryZoneCanBeRead(t *testing.T) {
	lines, _, _ := strings.Cut(zoneFiles, "\n\n")
	names := strings.Split(lines, "\n")[1:]
	if len(names) < 500 {
		t.Fatal(len(names))
	}
	for _, line := range names {
		name, _, _ := strings.Cut(line, " ")
		if _, err := LoadLocation(name); err != nil {
			t.Fatal(name, err)
		}
	}
	zone, _ := LoadLocation("Europe/Berlin")
	summer := time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC).In(zone).String()
	if summer != "2026-07-01 12:00:00 +0200 CEST" {
		t.Fatal(summer)
	}
}

func TestAnUnknownZoneIsAnError(t *testing.T) {
	for _, name := range []string{"Europe/Nowhere", "", "Europe", "Europe/Berlin 0", "UTC 0 1\nZulu"} {
		if zone, err := LoadLocation(name); err == nil {
			t.Fatal(name, zone)
		}
	}
}
