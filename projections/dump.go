package projections

import "io"

// Stubs so that the tree compiles: the owner of the World replaces this file.

func (w *World) Freeze() *World       { panic("projections: Freeze is not written yet") }
func (w *World) Dump(io.Writer) error { panic("projections: Dump is not written yet") }
func (w *World) Hash() [32]byte       { panic("projections: Hash is not written yet") }
func Load(io.Reader) (*World, error)  { panic("projections: Load is not written yet") }
