"""Operators of TensorFlow that do more than compute, by what they reach."""

from __future__ import annotations

PYTHON = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})
"""They call a Python function by a number, whatever has it in this process."""
# One text, split once: a name a line would be two pages.
FILES = frozenset(
    """
    CSVDataset CSVDatasetV2 CreateSummaryFileWriter DebugIdentity DebugIdentityV2
    DebugIdentityV3 DumpTensor ExperimentalCSVDataset ExperimentalLMDBDataset
    ExperimentalMatchingFilesDataset ExperimentalSqlDataset FileSystemSetConfiguration
    FixedLengthRecordDataset FixedLengthRecordDatasetV2 FixedLengthRecordReader
    FixedLengthRecordReaderV2 GenerateVocabRemapping ImmutableConst LMDBDataset
    LMDBReader ListSnapshotChunksDataset LoadAndRemapMatrix LoadDataset MatchingFiles
    MatchingFilesDataset ReadFile SaveDataset SaveDatasetV2
    SnapshotChunkDataset SnapshotDataset SnapshotDatasetReader SnapshotDatasetV2
    SnapshotNestedDatasetReader SqlDataset TFRecordDataset TFRecordDatasetV2
    TFRecordReader TFRecordReaderV2 TextLineDataset TextLineReader TextLineReaderV2
    WholeFileReader WholeFileReaderV2 WriteFile
    """.split()  # noqa: SIM905 names of a page, not a name a line
)
"""They read or write files whose names the graph, or what it is fed, tells."""
CHECKPOINTS = frozenset(
    """
    MergeV2Checkpoints Restore RestoreSlice RestoreV2 Save SaveSlices SaveV2
    """.split()  # noqa: SIM905 likewise
)
"""Every saved graph has some, to save itself; answers need none of them."""
TABLES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""They read the file that their second input names: an asset, usually."""
MACHINES = frozenset(
    """
    DataServiceDataset DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4
    RegisterDataset RegisterDatasetV2 RemoteCall RpcCall RpcClient RpcServer
    RpcServerRegister RpcServerStart
    """.split()  # noqa: SIM905 likewise
)
"""They call another machine, or answer one."""
COMPILED = frozenset({"TRTEngineOp", "XlaCallModule", "XlaLaunch"})
"""They hold a program that was compiled before."""
PRINTS = "PrintV2"
"""It prints; where its stream is a file, into that one."""
