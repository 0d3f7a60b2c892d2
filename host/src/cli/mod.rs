//! The command line: parses arguments, wires the rooms together, maps results to exit codes.
