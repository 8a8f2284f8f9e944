//! Files, directories and links as Rust's standard library has them.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

fn kind<T>(result: io::Result<T>) -> ErrorKind {
    result.err().expect("it must fail").kind()
}

fn files() -> io::Result<()> {
    assert_eq!(kind(File::open("file")), ErrorKind::NotFound);
    fs::write("file", "one\ntwo\n")?;
    assert_eq!(fs::read_to_string("file")?, "one\ntwo\n");
    let exclusive = OpenOptions::new().write(true).create_new(true).open("file");
    assert_eq!(kind(exclusive), ErrorKind::AlreadyExists);
    let mut file = OpenOptions::new().append(true).read(true).open("file")?;
    file.write_all(b"three\n")?;
    file.rewind()?;
    let lines: Vec<String> = io::BufReader::new(&file).lines().collect::<Result<_, _>>()?;
    assert_eq!(lines, ["one", "two", "three"]);
    file.set_len(3)?;
    assert_eq!(file.seek(SeekFrom::End(0))?, 3);
    assert_eq!(file.metadata()?.len(), 3);
    file.sync_all()?;
    file.sync_data()?;
    assert!(File::open("file")?.write(b"x").is_err());
    assert_eq!(fs::copy("file", "copy")?, 3);
    fs::rename("copy", "moved")?;
    assert_eq!(fs::read("moved")?, b"one");
    let age = SystemTime::now().duration_since(fs::metadata("moved")?.modified()?);
    assert!(age.map_or(true, |age| age < Duration::from_secs(60)));
    fs::remove_file("moved")?;
    fs::remove_file("file")
}

fn directories() -> io::Result<()> {
    fs::create_dir_all("a/b/c")?;
    assert_eq!(kind(fs::create_dir("a")), ErrorKind::AlreadyExists);
    for i in 0..300 {
        File::create(format!("a/b/file{i}"))?;
    }
    let names: BTreeSet<_> =
        fs::read_dir("a/b")?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    assert_eq!(names.len(), 301);
    let dirs = fs::read_dir("a/b")?.filter(|e| e.as_ref().unwrap().file_type().unwrap().is_dir());
    assert_eq!(dirs.count(), 1);
    assert_eq!(kind(fs::read_dir("a/b/file0")), ErrorKind::NotADirectory);
    // The standard library has no name for it.
    const NOTEMPTY: i32 = 55;
    assert_eq!(fs::remove_dir("a").unwrap_err().raw_os_error(), Some(NOTEMPTY));
    assert_eq!(kind(fs::read("a")), ErrorKind::IsADirectory);
    assert!(Path::new("a/b/../b/./c").is_dir());
    fs::remove_dir_all("a")?;
    assert!(!Path::new("a").exists());
    assert_eq!(kind(fs::read_to_string("../outside")), ErrorKind::PermissionDenied);
    Ok(())
}

fn streams() -> io::Result<()> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let mut output = io::stdout().lock();
    for line in input.lines().rev() {
        writeln!(output, "{line}")?;
    }
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(10));
    assert!(start.elapsed() >= Duration::from_millis(10));
    Ok(())
}

fn main() -> io::Result<()> {
    files()?;
    directories()?;
    streams()?;
    let code = std::env::args().nth(1).map_or(0, |code| code.parse().unwrap());
    std::process::exit(code)
}
