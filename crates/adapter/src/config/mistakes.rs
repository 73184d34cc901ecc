//! Mistakes that people make in configurations, and the whole of what they are told:
//! `testdata/config/mistakes/NAME.yaml` and `NAME.txt`.

use super::Config;

/// A test that the configuration of that name is refused with exactly the text of that name.
macro_rules! mistakes {
    ($($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                let name = stringify!($name);
                let source = include_str!(concat!("../../testdata/config/mistakes/", stringify!($name), ".yaml"));
                let expected = include_str!(concat!("../../testdata/config/mistakes/", stringify!($name), ".txt"));
                let error = Config::parse(source).map(|loaded| loaded.config).unwrap_err();
                let message = error.render("config.yaml") + "\n";
                assert!(message == expected, "{name} is told\n{message}instead of\n{expected}");
            }
        )*
    };
}

mistakes! {
    a_query_that_slipped_under_name_is_sent_back_to_the_rule,
    matches_beside_name_is_sent_under_it,
    matches_without_name_is_shown_with_it,
    namespaced_among_labels_is_sent_back_to_resources,
    a_template_among_labels_is_sent_back_to_resources,
    namespaced_in_the_rule_itself_is_sent_under_resources,
    a_plain_text_for_name_is_shown_as_a_mapping,
    wrong_capitals_are_corrected,
    underscores_are_corrected,
    wrong_capitals_at_the_top_level_are_corrected,
    a_misspelt_field_is_corrected,
    a_plain_text_for_a_resource_is_shown_as_a_mapping,
    a_resource_without_a_label_is_sent_under_one,
    a_label_beside_overrides_is_sent_under_it,
    overrides_as_a_list_lose_their_dashes,
    a_plain_text_for_resources_is_shown_as_a_template,
    a_plain_text_for_filters_is_shown_as_a_list,
    filters_without_dashes_get_them,
    a_plain_text_for_a_filter_is_shown_as_a_mapping,
    a_filter_in_the_rule_itself_is_sent_to_its_list,
    a_selector_without_quotes_gets_them,
    double_quotes_inside_double_quotes_are_pointed_at,
    a_text_with_a_colon_gets_quotes,
    a_tab_is_pointed_at,
    a_line_indented_too_deep_is_told_its_column,
    a_first_line_indented_deeper_than_others_is_explained,
    a_line_between_columns_is_told_the_possible_ones,
    an_entry_between_columns_is_told_the_possible_ones,
    a_text_that_begins_with_a_special_character_gets_quotes,
    an_unknown_anchor_is_named,
    a_quote_that_is_never_closed_is_pointed_at,
    a_bracket_that_is_never_closed_is_pointed_at,
    a_missing_space_after_a_colon_is_pointed_at,
    a_backslash_in_double_quotes_gets_single_quotes,
    a_block_that_is_not_indented_is_told_its_column,
    a_values_file_of_the_chart_is_recognised,
    a_manifest_is_recognised_and_its_text_named,
    an_unrendered_chart_is_recognised,
    an_unrendered_value_is_recognised,
    rules_without_dashes_get_them,
    a_list_of_rules_is_sent_under_a_key,
    a_file_of_text_is_told_what_to_hold,
    a_rule_at_the_top_level_is_sent_into_a_list,
    rules_below_a_foreign_key_are_sent_to_the_top_level,
    resource_rules_as_a_list_lose_their_dashes,
    a_query_of_another_section_is_told_its_own,
    a_window_without_unit_gets_one,
    a_window_with_a_wrong_unit_is_told_the_units,
    a_window_that_slipped_under_cpu_is_sent_back,
    a_field_given_twice_names_both_lines,
    a_list_given_twice_is_joined,
    a_label_given_twice_names_both_lines,
    a_quoted_boolean_loses_its_quotes,
    a_word_that_is_no_boolean_is_told_both,
    unknown_fields_are_all_reported_with_the_known_ones,
    a_control_character_is_named,
    a_declared_later_version_is_refused,
    mistakes_of_several_rules_are_reported_together,
}
