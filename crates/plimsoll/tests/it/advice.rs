//! What published configurations get wrong, and what is said about it.
//!
//! | what | test |
//! |---|---|
//! | an unknown flag | [`an_unknown_flag_is_refused_with_the_one_that_was_meant`] |

use anyhow::Result;

use crate::stand::{Stand, Surroundings};

/// The rule of most tests.
const RULE: &str = r#"rules:
- seriesQuery: requests{pod!=""}
  resources: {template: <<.Resource>>}
  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)
"#;

const POD: &str = "/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/web-1/requests";

#[tokio::test]
async fn an_unknown_flag_is_refused_with_the_one_that_was_meant() -> Result<()> {
    for (flag, advice) in [
        (
            "--config.file=/etc/adapter/config.yaml",
            "error: there is no flag --config.file\n  fix: the configuration file is given with --config=FILE\n",
        ),
        (
            "--enable-external-metrics",
            "error: there is no flag --enable-external-metrics\n  fix: remove it: external metrics are served as \
             soon as the configuration has externalRules\n",
        ),
        (
            "--prometheus_url=http://prometheus",
            "error: there is no flag --prometheus_url\n  fix: did you mean --prometheus-url?\n",
        ),
    ] {
        let refusal = Surroundings::new(RULE).await?.with_flags([flag]).refused().await?;
        assert_eq!((refusal.code, refusal.output.as_str()), (Some(2), advice));
    }
    Ok(())
}

#[tokio::test]
async fn a_metric_that_no_rule_serves_is_said_to_be_so() -> Result<()> {
    let stand = Stand::with(RULE, |_| {}).await?;
    let told = "the server could not find the metric requests for pods: no rule serves `requests`: 0 of 1 rules found \
                series; nothing matches \"requests{pod!=\\\"\\\"}\"";
    assert_eq!(stand.told(POD).await?, (404, told.to_owned()));
    Ok(())
}
