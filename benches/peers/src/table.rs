//! Tables for a terminal and for Markdown.

pub struct Table {
    pub title: String,
    pub heads: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(
        title: impl Into<String>,
        heads: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            title: title.into(),
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn print(&self, markdown: bool) {
        if !self.rows.is_empty() {
            println!("{}", self.text(markdown));
        }
    }

    pub fn text(&self, markdown: bool) -> String {
        let mut text = String::new();
        let columns = self.heads.len();
        let mut widths = vec![0; columns];
        for row in self.rows.iter().chain([&self.heads]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let (open, between, close) = if markdown {
            ("| ", " | ", " |")
        } else {
            ("", "  ", "")
        };
        let mut line = |row: &Vec<String>| {
            let cells: Vec<_> = (0..columns)
                .map(|i| {
                    let cell = row.get(i).map_or("", String::as_str);
                    let width = widths[i];
                    if i == 0 {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            text += format!("{open}{}{close}", cells.join(between)).trim_end();
            text.push('\n');
        };
        line(&self.heads);
        if markdown {
            line(
                &widths
                    .iter()
                    .enumerate()
                    .map(|(i, &w)| {
                        if i == 0 {
                            "-".repeat(w)
                        } else {
                            format!("{}:", "-".repeat(w - 1))
                        }
                    })
                    .collect(),
            );
        } else {
            line(&vec![
                "-".repeat(widths.iter().sum::<usize>() + 2 * (columns - 1)),
            ]);
        }
        self.rows.iter().for_each(line);
        if markdown {
            return text;
        }
        format!("{}\n\n{text}", self.title)
    }
}

/// One table of several summaries: a column per peer, in the order of first appearance.
pub fn merge(tables: Vec<Table>) -> Table {
    let mut merged = Table::new("Summary", [""]);
    for table in &tables {
        for head in &table.heads[1..] {
            if !merged.heads.contains(head) {
                merged.heads.push(head.clone());
            }
        }
    }
    for table in &tables {
        for row in &table.rows {
            let mut cells = vec![row[0].clone()];
            for head in &merged.heads[1..] {
                let at = table.heads.iter().position(|h| h == head);
                cells.push(
                    at.and_then(|i| row.get(i))
                        .cloned()
                        .unwrap_or_else(|| "-".to_owned()),
                );
            }
            merged.rows.push(cells);
        }
    }
    merged
}

/// Three significant digits.
pub fn number(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

pub fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), number)
}
