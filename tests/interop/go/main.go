// Command sumdb is a second opinion on transparency logs: it checks and makes them with golang.org/x/mod/sumdb, the code of Go's
// checksum database, so that tests can hold Hanse's formats against it.
//
//	sumdb check < REQUEST           check a signed checkpoint, its tiles and proofs (check.go)
//	sumdb append FOLDER ORIGIN      append the entries on standard input, one a line, to a log in FOLDER (log.go)
//	sumdb prove FOLDER OLD          print the consistency proof from size OLD to the log's size (log.go)
//
// Answers are JSON on standard output. The exit status is not zero only where the command itself failed.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func main() {
	answer, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sumdb:", err)
		os.Exit(1)
	}
}

func run(args []string) (interface{}, error) {
	switch {
	case len(args) == 1 && args[0] == "check":
		return check(os.Stdin)
	case len(args) == 3 && args[0] == "append":
		return appendEntries(args[1], args[2], os.Stdin)
	case len(args) == 3 && args[0] == "prove":
		old, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return nil, err
		}
		return prove(args[1], old)
	}
	return nil, fmt.Errorf("usage: sumdb check | append FOLDER ORIGIN | prove FOLDER OLD")
}
