// What Sphinx's own Korean catalogue lacks: how many pages a search has found.
Documentation.addTranslations({
  locale: "ko",
  messages: {
    "Search finished, found one page matching the search query.": ["검색어가 있는 문서 ${resultCount}개를 찾았습니다."],
  },
  plural_expr: "0",
});
