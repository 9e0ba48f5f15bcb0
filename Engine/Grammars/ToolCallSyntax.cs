namespace Lean.Engine.Grammars;

/// <summary>How calls are written.</summary>
internal enum ToolCallSyntax
{
    /// <summary>An object with name and arguments between &lt;tool_call&gt; and &lt;/tool_call&gt;, as Qwen3 does after Hermes.</summary>
    Json,

    /// <summary>Marks for the function and each parameter, as Qwen3.5 and Qwen3-Coder do; strings stand there without quotes.</summary>
    Xml,
}
