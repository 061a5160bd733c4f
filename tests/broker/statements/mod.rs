//! The normative statements for a server, a test each that fails where the rule is gone.
//! `testdata/statements.csv` lists all statements and these tests.

mod v3_1_1;
mod v5_0;
