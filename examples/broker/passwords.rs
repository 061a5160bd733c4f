//! Password files as mosquitto_passwd writes them: `user:$7$iterations$salt$hash` (PBKDF2) and
//! `user:$6$salt$hash` (SHA-512).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

/// Users and the hashes of their passwords.
pub(crate) struct Passwords {
    users: HashMap<String, Hash>,
    /// What the password of an unknown user is compared with, so that it takes as long.
    nobody: Hash,
}

#[derive(Clone, Debug, PartialEq)]
struct Hash {
    /// Of PBKDF2; `None` for plain SHA-512.
    iterations: Option<u32>,
    salt: Vec<u8>,
    hash: [u8; 64],
}

impl Passwords {
    /// Reads the text of a file; the error says which line is wrong.
    pub(crate) fn parse(text: &str) -> Result<Passwords, String> {
        let mut users = HashMap::new();
        let mut nobody = Hash { iterations: Some(101), salt: vec![0; 12], hash: [0; 64] };
        for (number, line) in (1..).zip(text.lines().map(str::trim_end)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = entry(line).map_err(|error| format!("line {number}: {error}"))?;
            nobody.iterations = hash.iterations;
            if users.insert(user.to_owned(), hash).is_some() {
                return Err(format!("line {number}: there is already a user '{user}'"));
            }
        }
        Ok(Passwords { users, nobody })
    }

    /// Whether that is the user's password.
    pub(crate) fn verify(&self, user: &str, password: &[u8]) -> bool {
        let known = self.users.get(user);
        known.unwrap_or(&self.nobody).verify(password) && known.is_some()
    }
}

impl Hash {
    fn verify(&self, password: &[u8]) -> bool {
        let mut hash = [0; 64];
        match self.iterations {
            Some(iterations) => {
                pbkdf2_hmac::<Sha512>(password, &self.salt, iterations, &mut hash);
            }
            None => {
                hash =
                    Sha512::new().chain_update(password).chain_update(&self.salt).finalize().into()
            }
        }
        hash.ct_eq(&self.hash).into()
    }
}

fn entry(line: &str) -> Result<(&str, Hash), &'static str> {
    let (user, password) = line.split_once(':').ok_or("it has no ':' after the user name")?;
    if user.is_empty() {
        return Err("the user name is empty");
    }
    let unhashed = "the password is not hashed as by mosquitto_passwd ($7$… or $6$…)";
    let mut parts = password.split('$');
    let (Some(""), Some(kind)) = (parts.next(), parts.next()) else {
        return Err(unhashed);
    };
    let iterations = match kind {
        "7" => {
            let iterations = parts.next().and_then(|digits| digits.parse().ok());
            Some(iterations.filter(|count| *count > 0).ok_or("its iterations are no number")?)
        }
        "6" => None,
        _ => return Err(unhashed),
    };
    let (Some(salt), Some(hash), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(unhashed);
    };
    let salt = STANDARD.decode(salt).map_err(|_| "its salt is not Base64")?;
    let hash = STANDARD.decode(hash).map_err(|_| "its hash is not Base64")?;
    let hash = hash.try_into().map_err(|_| "its hash has not 64 bytes")?;
    Ok((user, Hash { iterations, salt, hash }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Of mosquitto_passwd 2.0.11.
    const FILE: &str = "\
# staff
alice:$7$101$t5tpyIaMoL/RFp9L$0jNeTdg5yHob3yrSYEKzWbf373ByWMN1w3t/ujA60iaxl6M86vCTJejfo2uRKlnfwS2GviU03TbohonLdeeSfQ==

bob:$7$101$PEMrJRnszyOnrmI/$Vjbp4R5IH4DkJVEpSh/LGwBVds99pMbwaAbwZMQiRi4+eUKZCqcRqbJU6G3KBHJxOBQirBdW0OA9pXtxAqZjtA==
carol:$6$1Bm7dO9GDh/qGtdh$GwFu8gUbnzne6l3+lpIIr7WyITiDGL68KeUwxiU5zPddjpj/K4QIr3mbhUzBFtjKxK1PNHdKOz0Wkyka2MSW4g==
";

    #[test]
    fn passwords_of_mosquitto_passwd_are_verified() {
        let passwords = Passwords::parse(FILE).unwrap();
        for (user, password, right) in [
            ("alice", "secret", true),
            ("alice", "secreT", false),
            ("alice", "", false),
            ("bob", "pässwörd", true),
            ("bob", "secret", false),
            ("carol", "swordfish", true),
            ("carol", "swordfish ", false),
            ("dave", "secret", false),
            ("", "", false),
        ] {
            assert_eq!(passwords.verify(user, password.as_bytes()), right, "{user}: {password}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let hash = "A".repeat(86);
        for (line, error) in [
            ("alice", "it has no ':' after the user name"),
            (":$6$AAAA$AAAA", "the user name is empty"),
            ("alice:secret", "the password is not hashed as by mosquitto_passwd ($7$… or $6$…)"),
            (
                "alice:$5$AAAA$AAAA",
                "the password is not hashed as by mosquitto_passwd ($7$… or $6$…)",
            ),
            ("alice:$6$AAAA", "the password is not hashed as by mosquitto_passwd ($7$… or $6$…)"),
            ("alice:$7$0$AAAA$AAAA", "its iterations are no number"),
            ("alice:$6$A?AA$AAAA", "its salt is not Base64"),
            (&format!("alice:$6$AAAA${hash}"), "its hash is not Base64"),
            ("alice:$6$AAAA$AAAA", "its hash has not 64 bytes"),
        ] {
            let file = format!("# first\n{line}\n");
            let found = Passwords::parse(&file).err();
            assert_eq!(found, Some(format!("line 2: {error}")), "{line}");
        }
    }

    #[test]
    fn a_user_is_named_once() {
        let file = format!("{FILE}alice:$6$AAAA${}==\n", "A".repeat(86));
        let found = Passwords::parse(&file).err();
        assert_eq!(found.as_deref(), Some("line 6: there is already a user 'alice'"));
    }
}
