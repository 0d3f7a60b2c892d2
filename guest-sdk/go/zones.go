package guest

import (
	_ "embed"
	"fmt"
	"strings"
	"time"
)

// The edition, a line for each zone with its name and where its file is, and the files. scripts/build-runtimes writes it.
//
//go:embed zones.bin
var zoneFiles string

// LoadLocation returns a zone of the IANA database, such as "Europe/Berlin". Scripts in JavaScript and Python have the same edition of it,
// whichever Go compiles the migration. It becomes a part of the component, with 0.2 megabytes, if this is called.
func LoadLocation(name string) (*time.Location, error) {
	lines, files, _ := strings.Cut(zoneFiles, "\n\n")
	_, place, isKnown := strings.Cut(lines, "\n"+name+" ")
	var start, size int
	if isKnown = isKnown && !strings.ContainsAny(name, " \n"); isKnown {
		place, _, _ = strings.Cut(place, "\n")
		if _, err := fmt.Sscan(place, &start, &size); err != nil {
			return nil, err
		}
		return time.LoadLocationFromTZData(name, []byte(files[start:start+size]))
	}
	edition, _, _ := strings.Cut(lines, "\n")
	return nil, fmt.Errorf("there is no time zone %q among the %s", name, edition)
}
