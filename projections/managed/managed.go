// Package managed holds the policies that AWS manages, as far as Keytrail has
// them: data, written by us to grant what the names promise. A document that
// was shipped is never edited: a change is one more version, the last is in
// force. Ids never change and are never used again.
package managed

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Policy is one policy, with its versions from v1 on.
type Policy struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	Description string    `json:"description"`
	Versions    []Version `json:"versions"`
}

// Version is one version of a policy.
type Version struct {
	Created  time.Time `json:"created"`
	Document string    `json:"-"`
}

//go:embed policies.json documents
var files embed.FS

// Policies lists them all.
var Policies = sync.OnceValue(func() []Policy {
	index, err := files.ReadFile("policies.json")
	var all []Policy
	if err == nil {
		err = json.Unmarshal(index, &all)
	}
	for _, p := range all {
		for i := range p.Versions {
			text, missing := files.ReadFile(fmt.Sprintf("documents/%s.v%d.json", p.Name, i+1))
			if missing != nil {
				err = missing
			}
			p.Versions[i].Document = string(text)
		}
	}
	if err != nil {
		panic("managed: " + err.Error()) // the files are part of the program; a test reads them
	}
	return all
})
