//! What the host grants on a directory it gives to a guest.

use bitflags::bitflags;

bitflags! {
    /// What a guest may do in a directory.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DirPerms: u8 {
        /// List it, and open what is in it.
        const READ = 1 << 0;
        /// Create, rename and remove what is in it.
        const MUTATE = 1 << 1;
    }

    /// What a guest may do with the files of a directory.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FilePerms: u8 {
        /// Read them.
        const READ = 1 << 0;
        /// Write, truncate and extend them, and set their times.
        const WRITE = 1 << 1;
    }
}
