fn main() {
    let mut totals = (0, 0);
    for file in std::env::args().skip(1) {
        match plimsoll_promql::promqltest::run(&std::fs::read_to_string(&file).unwrap()) {
            Ok(report) => {
                totals.0 += report.passed.len();
                totals.1 += report.failures.len();
                for f in &report.failures {
                    println!("{file}:{}: {} [{}]\n  wanted {}\n  got    {}", f.line, f.expr, f.how, f.wanted, f.got);
                }
                println!("## {file} {} passed {} failed", report.passed.len(), report.failures.len());
            }
            Err(e) => println!("## {file} ERROR {e}"),
        }
    }
    println!("{} passed, {} failed", totals.0, totals.1);
}
