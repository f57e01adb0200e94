package command

// WriteDocs lets the tests document commands that have no row yet.
var WriteDocs = writeDocs
