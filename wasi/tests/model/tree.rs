//! A directory tree that says what each operation must do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What a name in a directory stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// A file, by its number, which hard links share.
    File(u64),
    Dir(BTreeMap<String, Node>),
    /// A symbolic link, by its number too, and its target.
    Link(u64, String),
}

/// Why an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fail {
    /// The path leads out of the tree.
    Escape,
    Other,
}

pub(crate) type Outcome<T = ()> = Result<T, Fail>;

/// What a path names.
pub(crate) struct Found {
    /// The directory that the last part is in, as names from the root.
    parent: Vec<String>,
    /// The last part; none if it is `.` or `..`, which name `parent` itself.
    name: Option<String>,
    pub(crate) node: Option<Node>,
}

impl Found {
    fn path(&self) -> Vec<String> {
        self.parent.iter().chain(&self.name).cloned().collect()
    }
}

pub(crate) struct Tree {
    root: Node,
    pub(crate) contents: BTreeMap<u64, Vec<u8>>,
    /// The number of the next file or link.
    next: u64,
}

impl Tree {
    /// The tree that lies below `path` on the host.
    pub(crate) fn of_host(path: &Path) -> Self {
        let mut tree = Self {
            root: Node::Dir(BTreeMap::new()),
            contents: BTreeMap::new(),
            next: 0,
        };
        tree.root = tree.node_of_host(path);
        tree
    }

    fn node_of_host(&mut self, path: &Path) -> Node {
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::symlink_metadata(path).unwrap();
        self.next = self.next.max(meta.ino() + 1);
        if meta.is_symlink() {
            let target = std::fs::read_link(path).unwrap();
            let target = String::from_utf8(target.as_os_str().as_bytes().to_vec()).unwrap();
            return Node::Link(meta.ino(), target);
        }
        if meta.is_file() {
            self.contents
                .insert(meta.ino(), std::fs::read(path).unwrap());
            return Node::File(meta.ino());
        }
        let entries = std::fs::read_dir(path).unwrap().map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                self.node_of_host(&entry.path()),
            )
        });
        Node::Dir(entries.collect())
    }

    /// Everything in the tree, with contents in place of numbers.
    pub(crate) fn list(&self) -> BTreeSet<String> {
        let mut list = Vec::new();
        self.list_node("", &self.root, &mut list);
        list.into_iter().collect()
    }

    fn list_node(&self, path: &str, node: &Node, list: &mut Vec<String>) {
        match node {
            Node::File(id) => list.push(format!("{path} = {:?}", self.contents[id])),
            Node::Link(_, target) => list.push(format!("{path} -> {target}")),
            Node::Dir(entries) => {
                list.push(format!("{path}/"));
                for (name, node) in entries {
                    self.list_node(&format!("{path}/{name}"), node, list);
                }
            }
        }
    }

    fn dir(&mut self, path: &[String]) -> &mut BTreeMap<String, Node> {
        let mut node = &mut self.root;
        for name in path {
            let Node::Dir(entries) = node else {
                unreachable!("the path was walked")
            };
            node = entries.get_mut(name).expect("the path was walked");
        }
        let Node::Dir(entries) = node else {
            unreachable!("the path was walked")
        };
        entries
    }

    /// Walks `path`, and on through a link at its end if `follow`.
    pub(crate) fn walk(&mut self, path: &str, follow: bool) -> Outcome<Found> {
        fn parts(path: &str) -> Outcome<VecDeque<String>> {
            if path.starts_with('/') {
                return Err(Fail::Escape);
            }
            Ok(path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect())
        }
        let mut left = parts(path)?;
        if left.is_empty() {
            return Err(Fail::Other);
        }
        let mut at = Vec::new();
        let mut links = 0;
        while let Some(part) = left.pop_front() {
            if part == "." {
                continue;
            }
            if part == ".." {
                at.pop().ok_or(Fail::Escape)?;
                continue;
            }
            let node = self.dir(&at).get(&part).cloned();
            let last = left.is_empty();
            match node {
                Some(Node::Link(_, target)) if !last || follow => {
                    links += 1;
                    if links > 40 {
                        return Err(Fail::Other);
                    }
                    let mut target = parts(&target)?;
                    target.append(&mut left);
                    left = target;
                }
                node if last => {
                    return Ok(Found {
                        parent: at,
                        name: Some(part),
                        node,
                    });
                }
                Some(Node::Dir(_)) => at.push(part),
                Some(Node::File(_) | Node::Link(..)) | None => return Err(Fail::Other),
            }
        }
        let node = Some(Node::Dir(self.dir(&at).clone()));
        Ok(Found {
            parent: at,
            name: None,
            node,
        })
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn put(&mut self, found: &Found, node: Node) {
        let name = found.name.clone().expect("only what has a name is created");
        self.dir(&found.parent).insert(name, node);
    }

    /// A place where nothing is yet.
    fn free(&mut self, path: &str) -> Outcome<Found> {
        let found = self.walk(path, false)?;
        if found.node.is_some() {
            Err(Fail::Other)
        } else {
            Ok(found)
        }
    }

    pub(crate) fn mkdir(&mut self, path: &str) -> Outcome {
        let found = self.free(path)?;
        self.put(&found, Node::Dir(BTreeMap::new()));
        Ok(())
    }

    pub(crate) fn symlink(&mut self, target: &str, path: &str) -> Outcome {
        if target.starts_with('/') {
            return Err(Fail::Escape);
        }
        let found = self.free(path)?;
        let id = self.number();
        self.put(&found, Node::Link(id, target.to_owned()));
        Ok(())
    }

    pub(crate) fn rmdir(&mut self, path: &str) -> Outcome {
        let found = self.walk(path, false)?;
        match (&found.name, &found.node) {
            (Some(name), Some(Node::Dir(entries))) if entries.is_empty() => {
                self.dir(&found.parent).remove(name);
                Ok(())
            }
            _ => Err(Fail::Other),
        }
    }

    pub(crate) fn unlink(&mut self, path: &str) -> Outcome {
        let found = self.walk(path, false)?;
        match (&found.name, &found.node) {
            (Some(name), Some(Node::File(_) | Node::Link(..))) => {
                self.dir(&found.parent).remove(name);
                Ok(())
            }
            _ => Err(Fail::Other),
        }
    }

    pub(crate) fn link(&mut self, old: &str, new: &str) -> Outcome {
        let (old, new) = self.both(old, new)?;
        match (old.node, &new.node) {
            (Some(node @ (Node::File(_) | Node::Link(..))), None) => {
                self.put(&new, node);
                Ok(())
            }
            _ => Err(Fail::Other),
        }
    }

    /// Both paths; if either leads out, that is why it fails.
    fn both(&mut self, old: &str, new: &str) -> Outcome<(Found, Found)> {
        match (self.walk(old, false), self.walk(new, false)) {
            (Err(Fail::Escape), _) | (_, Err(Fail::Escape)) => Err(Fail::Escape),
            (old, new) => Ok((old?, new?)),
        }
    }

    pub(crate) fn rename(&mut self, old: &str, new: &str) -> Outcome {
        let (old, new) = self.both(old, new)?;
        let (Some(old_name), Some(node), Some(_)) = (&old.name, &old.node, &new.name) else {
            return Err(Fail::Other);
        };
        let (old_path, new_path) = (old.path(), new.path());
        if old_path == new_path {
            return Ok(());
        }
        let allowed = match (node, &new.node) {
            (Node::Dir(_), None) => !new_path.starts_with(&old_path),
            (Node::Dir(_), Some(Node::Dir(entries))) => {
                !new_path.starts_with(&old_path) && entries.is_empty()
            }
            (Node::Dir(_), Some(_)) | (_, Some(Node::Dir(_))) => false,
            // Two names of one file: nothing happens.
            (Node::File(a), Some(Node::File(b))) | (Node::Link(a, _), Some(Node::Link(b, _)))
                if a == b =>
            {
                return Ok(());
            }
            _ => true,
        };
        if !allowed {
            return Err(Fail::Other);
        }
        self.dir(&old.parent).remove(old_name);
        let node = node.clone();
        self.put(&new, node);
        Ok(())
    }

    /// Opens a file to write `text` in place of what it holds.
    pub(crate) fn write(&mut self, path: &str, follow: bool, new: bool, text: &[u8]) -> Outcome {
        let found = self.walk(path, follow && !new)?;
        let id = match found.node {
            Some(Node::File(id)) if !new => id,
            None => {
                let id = self.number();
                self.put(&found, Node::File(id));
                id
            }
            Some(_) => return Err(Fail::Other),
        };
        self.contents.insert(id, text.to_vec());
        Ok(())
    }

    /// What a file holds.
    pub(crate) fn read(&mut self, path: &str, follow: bool) -> Outcome<Vec<u8>> {
        match self.walk(path, follow)?.node {
            Some(Node::File(id)) => Ok(self.contents[&id].clone()),
            _ => Err(Fail::Other),
        }
    }

    /// The target of a link that stays inside, as far as can be told from it.
    pub(crate) fn readlink(&mut self, path: &str) -> Outcome<Vec<u8>> {
        match self.walk(path, false)?.node {
            Some(Node::Link(_, target)) if target.starts_with('/') => Err(Fail::Escape),
            Some(Node::Link(_, target)) => Ok(target.into_bytes()),
            _ => Err(Fail::Other),
        }
    }
}
