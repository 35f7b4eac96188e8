// What the page says, in the languages that it speaks. Every language has every key.
const STRINGS = {
  en: {
    skip: "Skip to the transcript", search: "Search the transcript", hitBack: "Previous match", hitOn: "Next match",
    noHits: "no match", of: "of", download: "Download", saveJson: "Transcript (JSON)", saveSrt: "Subtitles (SRT)",
    saveVtt: "Subtitles (WebVTT)", savePage: "This page, with these names", theme: "Light or dark", help: "Help and keys",
    side: "Recording and speakers", recording: "Recording", transcript: "Transcript", player: "Player",
    choose: "Choose the recording…", noMedia: "No recording is linked to this page. Choose the file to listen along.",
    lostMedia: "The recording cannot be played from here. It may have been moved, or the browser does not know its format.",
    speakers: "Speakers", renameHint: "Names can be changed here; downloads carry them.", nameOf: "Name of",
    turns: { one: "turn", other: "turns" }, interruptions: { one: "interruption", other: "interruptions" }, wordsOf: "Words", answers: "Who answers whom",
    answersHint: "Rows answer columns: how often a person took the floor right after another one.",
    about: "About this transcript", nobody: "Unknown", empty: "There are no words in this transcript.",
    made: "Made by whisperdiar. This page sends nothing anywhere.", language: "Language", position: "Position in the recording",
    play: "Play or pause", back: "Back 5 seconds", on: "On 5 seconds", follow: "Follow", doubtful: "Doubtful words",
    nextDoubt: "Next word of doubtful speaker", zoom: "Zoom of the timeline", zoomIn: "Closer", zoomOut: "Wider",
    zoomAll: "The whole recording", speed: "Speed", keys: "Keys", marks: "Marks in the text", sample: "word",
    markDoubt: "it is doubtful who says this", markOverlap: "somebody else talks at the same time",
    markNow: "heard just now", close: "Close", both: "at the same time", doubt: "Speaker in doubt", or: "or",
    also: "At the same time", overlap: "Overlap", doubtLane: "Doubtful", playFrom: "Play from", rename: "Rename",
    durationOf: "Length", speechOf: "Speech", overlapOf: "Overlap", languageOf: "Language", asr: "Recognition",
    vad: "Speech detection", diarizer: "Speakers by", dropped: "Left out", saved: "Saved", renamed: "Renamed",
    keyPlay: "play or pause", keySkip: "5 seconds back or on", keyWord: "word before or after",
    keyRow: "passage before or after", keySearch: "search; Enter and Shift+Enter go through the matches",
    keyDoubt: "next or previous word of doubtful speaker", keyFollow: "follow the playback", keyZoom: "zoom of the timeline",
    keyDark: "light or dark", keyHelp: "this help", space: "Space", talks: "of the talk", nothing: "Silence",
  },
  ru: {
    skip: "К расшифровке", search: "Поиск по расшифровке", hitBack: "Предыдущее совпадение", hitOn: "Следующее совпадение",
    noHits: "не найдено", of: "из", download: "Скачать", saveJson: "Расшифровка (JSON)", saveSrt: "Субтитры (SRT)",
    saveVtt: "Субтитры (WebVTT)", savePage: "Эта страница с новыми именами", theme: "Светлая или тёмная", help: "Справка и клавиши",
    side: "Запись и говорящие", recording: "Запись", transcript: "Расшифровка", player: "Проигрыватель",
    choose: "Выбрать запись…", noMedia: "С этой страницей не связана запись. Выберите файл, чтобы слушать.",
    lostMedia: "Запись не воспроизводится. Возможно, её переместили или браузер не знает её формата.",
    speakers: "Говорящие", renameHint: "Имена можно изменить здесь; они попадут в скачанные файлы.", nameOf: "Имя:",
    turns: { one: "реплика", few: "реплики", other: "реплик" }, interruptions: { one: "перебивание", few: "перебивания", other: "перебиваний" }, wordsOf: "Слов", answers: "Кто кому отвечает",
    answersHint: "Строка отвечает столбцу: сколько раз человек брал слово сразу после другого.",
    about: "Об этой расшифровке", nobody: "Неизвестно", empty: "В этой расшифровке нет слов.",
    made: "Сделано в whisperdiar. Страница никуда ничего не отправляет.", language: "Язык", position: "Место в записи",
    play: "Слушать или остановить", back: "На 5 секунд назад", on: "На 5 секунд вперёд", follow: "Следовать", doubtful: "Под сомнением",
    nextDoubt: "Следующее слово, у которого под сомнением говорящий", zoom: "Масштаб шкалы", zoomIn: "Крупнее", zoomOut: "Мельче",
    zoomAll: "Вся запись", speed: "Скорость", keys: "Клавиши", marks: "Пометки в тексте", sample: "слово",
    markDoubt: "неясно, кто это говорит", markOverlap: "в это же время говорит кто-то ещё",
    markNow: "звучит сейчас", close: "Закрыть", both: "одновременно", doubt: "Говорящий под сомнением", or: "или",
    also: "Одновременно", overlap: "Вместе", doubtLane: "Сомнения", playFrom: "Слушать с", rename: "Переименовать:",
    durationOf: "Длительность", speechOf: "Речь", overlapOf: "Говорят вместе", languageOf: "Язык", asr: "Распознавание",
    vad: "Поиск речи", diarizer: "Говорящих различает", dropped: "Отброшено", saved: "Сохранено", renamed: "Новое имя",
    keyPlay: "слушать или остановить", keySkip: "на 5 секунд назад или вперёд", keyWord: "предыдущее или следующее слово",
    keyRow: "предыдущий или следующий фрагмент", keySearch: "поиск; Enter и Shift+Enter — по совпадениям",
    keyDoubt: "следующее или предыдущее сомнительное слово", keyFollow: "следовать за записью", keyZoom: "масштаб шкалы",
    keyDark: "светлая или тёмная", keyHelp: "эта справка", space: "Пробел", talks: "речи", nothing: "Тишина",
  },
};

// The reader's own language counts unless the recording is in another one that the page speaks, and not English.
function chooseLanguage(spoken) {
  const wanted = [spoken === "en" ? "" : spoken, ...navigator.languages, spoken].map((tag) => String(tag ?? "").slice(0, 2));
  return wanted.find((tag) => Object.hasOwn(STRINGS, tag)) ?? "en";
}
