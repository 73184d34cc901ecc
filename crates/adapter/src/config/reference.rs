//! The reference page of the configuration file, printed from the tables that the decoder walks.
//!
//! **Invariant:** nothing on the page about a field is written here.

use std::fmt::Write as _;

use super::load::LARGEST;
use super::schema::{
    FILE, FILTER, Kind, NAME, RESOURCE, RESOURCE_RULE, RESOURCE_RULES, RESOURCES, RULE, Record,
};

const PAGES: [(&str, &Record); 8] = [
    ("Top level", &FILE),
    ("Rules", &RULE),
    ("`seriesFilters`", &FILTER),
    ("`resources`", &RESOURCES),
    ("`overrides`", &RESOURCE),
    ("`name`", &NAME),
    ("`resourceRules`", &RESOURCE_RULES),
    ("`cpu` and `memory`", &RESOURCE_RULE),
];

/// The page in Markdown.
pub fn reference() -> String {
    let mut page = format!(
        "# Configuration file\n\n\
         <!-- Generated from the declarations in crates/adapter/src/config/schema.rs. -->\n\n\
         The file given with `--config` is that of prometheus-adapter, read with the same strictness: unknown fields,\n\
         repeated fields and wrong types are refused at start. All mistakes of a file are reported at once, with line\n\
         and column.\n\n\
         YAML is read as version 1.1: `yes`, `no`, `on` and `off` are booleans, `<<` merges mappings, and any plain\n\
         value (`123`, `yes`, `1.50`) is taken as it is written where a text is expected. JSON is accepted as well.\n\
         Only the first document of a file is read, and at most {LARGEST} bytes.\n\n\
         Two things differ from prometheus-adapter. A file whose first line is indented deeper than a later one is\n\
         refused, where prometheus-adapter silently ignores everything from that line on. And a few forms of YAML 1.2\n\
         and JSON that prometheus-adapter refuses are accepted, such as `\\/` in a double-quoted text.\n"
    );
    for (title, record) in PAGES {
        let _ = write!(page, "\n## {title}\n\n{}\n\n", record.summary);
        page.push_str("| field | type | default | meaning |\n|---|---|---|---|\n");
        for field in record.fields {
            let summary = field.summary.replace('|', "\\|");
            let (key, kind, default) = (field.key, kind_of(field.kind), field.default);
            let _ = writeln!(page, "| `{key}` | {kind} | {default} | {summary} |");
        }
    }
    page
}

fn kind_of(kind: Kind) -> String {
    let link = |record: &Record| {
        let title = PAGES.iter().find(|(_, page)| std::ptr::eq(*page, record)).map_or("", |(title, _)| title);
        let anchor = title.to_lowercase().replace('`', "").replace(' ', "-");
        format!("[{title}](#{anchor})")
    };
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Duration => "duration".to_owned(),
        Kind::Record(record) => format!("mapping, see {}", link(record)),
        Kind::List(record) => format!("list, see {}", link(record)),
        Kind::Table(record) => format!("label → mapping, see {}", link(record)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Writes the page instead when `PLIMSOLL_WRITE_REFERENCE` is set.
    #[test]
    fn the_reference_page_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
        if std::env::var_os("PLIMSOLL_WRITE_REFERENCE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, super::reference()).unwrap();
        }
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            page,
            super::reference(),
            "run this test with PLIMSOLL_WRITE_REFERENCE=1 to rewrite the page"
        );
    }
}
